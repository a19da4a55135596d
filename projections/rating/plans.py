"""Compile account plans: the terms of a plan and its template for one account (rules 2.4, 2.6, 3.17, 8.8)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from events.resources.accounts import AccountPlan
from events.resources.catalog import Frequency, Plan, PlanTemplate
from events.resources.organization import OrganizationConfig
from events.resources.plan_groups import PlanGroup
from projections.calendar import Grid, grid, named_days
from projections.entities import Dated, Entity, PlanEntity
from projections.money import Rounding, rounding_of
from projections.rating.index import FamilyIndex, plans_of
from projections.rating.prices import PlanPrices, billed_in_advance, first
from projections.rating.terms import AccountTerms, PlanTerms, Recurring, Series
from projections.resources import Resources


def organization_rounding(resources: Resources, currency: str) -> Rounding:
    """How the organization rounds a currency: to its minor units, a half by the configured mode."""
    config = resources.configured
    return rounding_of(currency, config.rounding_mode if config else None)


def epoch_of(resources: Resources, frequency: Frequency, *epochs: date | None) -> date | None:
    """The first epoch that is given, else the organization's for the frequency (rules 2.4)."""
    config = resources.configured
    organization: date | None = None if config is None else getattr(config, _EPOCHS[frequency])
    return first(organization, *epochs)


_EPOCHS = {"DAILY": "day_epoch", "WEEKLY": "week_epoch", "MONTHLY": "month_epoch", "ANNUALLY": "year_epoch"}


def plan_grid(resources: Resources, template: PlanTemplate, *epochs: date | None) -> Grid:
    """The billing periods of a template's plans; the first epoch that is given applies."""
    frequency = template.bill_frequency
    return grid(frequency, template.bill_interval, epoch_of(resources, frequency, *epochs))


def compile_plans(
    resources: Resources, index: FamilyIndex, account: AccountTerms, members: tuple[AccountTerms, ...]
) -> Iterator[PlanTerms]:
    """The account's plans, oldest first. A plan group gives its plans in the order in which they were linked, then its
    own charges. `members`: the accounts whose usage they rate, by code.
    """
    for entity in index.owned(resources, "account_plans", "account_id", account.id):
        plans = []
        for plan_id in plans_of(resources, index, entity.body):
            plan, template = resources.plans.get(plan_id), resources.template_of(plan_id)
            if plan is not None and template is not None:
                plans.append(_compile(resources, index, account, members, entity, plan, template))
        yield from plans
        group = resources.plan_groups.get(entity.body.plan_group_id or "")
        if group is not None and plans:
            yield _group(resources, group, plans)


class _OfCatalog(NamedTuple):
    """The part of an account plan that follows from the catalog: all accounts on the plan on the same days share it."""

    product_code: str
    rounding: Rounding
    standing: Recurring
    minimum: Recurring
    series: tuple[Series, ...]


def _compile(
    resources: Resources,
    index: FamilyIndex,
    account: AccountTerms,
    members: tuple[AccountTerms, ...],
    entity: Entity[AccountPlan],
    plan: PlanEntity[Plan],
    template_entity: PlanEntity[PlanTemplate],
) -> PlanTerms:
    body, holder, template = entity.body, resources.accounts[account.id].body, template_entity.body
    term = named_days(body.start_date, body.end_date, account.zone)
    prices = PlanPrices(resources, index, account.zone, plan.id, plan.body.plan_template_id, *term)
    of_catalog = index.shared(
        ("plan", plan.id, account.zone, *term), lambda: _of_catalog(resources, plan, template_entity, prices)
    )
    return PlanTerms(
        id=entity.id,
        account=account,
        plan_id=plan.id,
        group_id=body.plan_group_id or "",
        template_id=plan.body.plan_template_id,
        code=plan.body.code,
        product_id=template.product_id,
        product_code=of_catalog.product_code,
        currency=template.currency,
        rounding=of_catalog.rounding,
        contract_id=body.contract_id,
        mode=body.mode,
        start=term[0],
        end=term[1],
        grid=plan_grid(resources, template, body.bill_epoch, holder.bill_epoch),
        frequency=template.bill_frequency,
        interval=template.bill_interval,
        standing=of_catalog.standing,
        minimum=of_catalog.minimum,
        series=of_catalog.series,
        counters=tuple(prices.counters(members)),
        members=members,
    )


def _of_catalog(
    resources: Resources, plan: PlanEntity[Plan], template: PlanEntity[PlanTemplate], prices: PlanPrices
) -> _OfCatalog:
    product, config = resources.products.get(template.body.product_id), resources.configured
    return _OfCatalog(
        product_code=product.body.code if product else "",
        rounding=organization_rounding(resources, template.body.currency),
        standing=_standing(plan, template, config),
        minimum=_minimum(plan, template, config),
        series=tuple(prices.series()),
    )


def _group(resources: Resources, group: PlanEntity[PlanGroup], plans: Sequence[PlanTerms]) -> PlanTerms:
    """The own charges of a plan group, by the billing periods of the plan that was linked first."""
    body, config = group.body, resources.configured
    return replace(
        plans[0],
        plan_id="",
        group_id=group.id,
        template_id="",
        code=group.called,
        product_id="",
        product_code="",
        currency=body.currency,
        rounding=organization_rounding(resources, body.currency),
        standing=Recurring(
            amounts=_amounts(group.standing_charges, ()),
            in_advance=billed_in_advance("standing_charge", body, config),
            description=first("Standing Charge", body.standing_charge_description),
            accounting_product_id=body.standing_charge_accounting_product_id,
        ),
        minimum=Recurring(
            amounts=_amounts(group.minimum_spends, ()),
            in_advance=billed_in_advance("minimum_spend", body, config),
            description=first(f"{body.name} Minimum Spend Adjustment", body.minimum_spend_description),
            accounting_product_id=body.minimum_spend_accounting_product_id,
        ),
        series=(),
        counters=(),
        # A template may have changed its currency since then; amounts of two currencies cannot be added up.
        grouped=tuple(plan for plan in plans if plan.currency == body.currency),
    )


def _amounts(own: Sequence[Dated], template: Sequence[Dated]) -> tuple[tuple[date, Decimal], ...]:
    """(from that day on, amount), by day: the plan's own amount before its template's, 0 if neither has one."""
    days = sorted({change.start for change in (*own, *template)})
    return tuple((day, first(Decimal(0), _on(own, day), _on(template, day))) for day in days)


def _on(history: Sequence[Dated], day: date) -> Decimal | None:
    """Of the amounts that apply on the day, the last given; None without a history."""
    return next((change.amount for change in reversed(history) if change.start <= day), None)


def _standing(entity: PlanEntity[Plan], of: PlanEntity[PlanTemplate], config: OrganizationConfig | None) -> Recurring:
    plan, template = entity.body, of.body
    return Recurring(
        amounts=_amounts(entity.standing_charges, of.standing_charges),
        in_advance=billed_in_advance("standing_charge", plan, template, config),
        description=first("Standing Charge", plan.standing_charge_description, template.standing_charge_description),
        accounting_product_id=plan.standing_charge_accounting_product_id,
        interval=template.standing_charge_interval or 1,
        offset=template.standing_charge_offset or 0,
    )


def _minimum(entity: PlanEntity[Plan], of: PlanEntity[PlanTemplate], config: OrganizationConfig | None) -> Recurring:
    plan, template = entity.body, of.body
    return Recurring(
        amounts=_amounts(entity.minimum_spends, of.minimum_spends),
        in_advance=billed_in_advance("minimum_spend", plan, template, config),
        description=first(
            f"{plan.name} Minimum Spend Adjustment",
            plan.minimum_spend_description,
            template.minimum_spend_description,
        ),
        accounting_product_id=plan.minimum_spend_accounting_product_id,
    )
