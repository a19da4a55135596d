"""Compile commitments and balances into what draw-down, fees and true-ups need (domain.md 4 to 6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from events.resources.catalog import Frequency, PlanTemplate
from projections.calendar import Grid, grid, named_day
from projections.money import Rounding
from projections.rating.index import FamilyIndex
from projections.rating.plans import organization_rounding, plan_grid
from projections.rating.terms import AccountTerms
from projections.resources import BalanceEntity, CommitmentEntity, Resources
from projections.settlement.agreements import Fund, paid_in
from projections.settlement.fees import Fee, fees
from projections.settlement.minimums import Minimum, commitment_periods


@dataclass(frozen=True, slots=True, eq=False)
class Prepayment:
    """A PREPAYMENT commitment: what may be drawn of it, and the fees that collect it."""

    fund: Fund
    fees: tuple[Fee, ...]
    fee_description: str
    fee_accounting_product_id: str | None
    frequency: Frequency
    interval: int


@dataclass(frozen=True, slots=True)
class _Billing:
    """The billing periods that a commitment follows."""

    grid: Grid
    frequency: Frequency
    interval: int


def compile_commitments(
    resources: Resources, index: FamilyIndex, accounts: Mapping[str, AccountTerms]
) -> tuple[tuple[Prepayment, ...], tuple[Minimum, ...]]:
    """The family's commitments of both kinds, each oldest first within its account."""
    prepayments, minimums = [], []
    for account in accounts.values():
        for entity in index.owned(resources, "commitments", "account_id", account.id):
            if entity.body.kind == "MINIMUM":
                minimums.append(_minimum(resources, index, account, entity))
            else:
                prepayments.append(_prepayment(resources, index, account, entity))
    return tuple(prepayments), tuple(minimums)


def compile_balances(
    resources: Resources, index: FamilyIndex, accounts: Mapping[str, AccountTerms]
) -> tuple[Fund, ...]:
    """The family's balances, each oldest first within its account."""
    return tuple(
        _balance(resources, account, entity)
        for account in accounts.values()
        for entity in index.owned(resources, "balances", "account_id", account.id)
    )


def _prepayment(
    resources: Resources, index: FamilyIndex, account: AccountTerms, entity: CommitmentEntity
) -> Prepayment:
    body = entity.body
    rounding = organization_rounding(resources, body.currency)
    config = resources.config.body if resources.config else None
    in_advance = body.commitment_fee_bill_in_advance
    if in_advance is None and config is not None:
        in_advance = config.commitment_fee_bill_in_advance
    billing = _billing(resources, index, account, entity, body.billing_plan_id) if body.billing_plan_id else None
    return Prepayment(
        fund=_fund(account, entity, rounding),
        fees=fees(
            body,
            zone=account.zone,
            rounding=rounding,
            billing=billing.grid if billing else None,
            in_advance=bool(in_advance),
            top_ups=entity.top_ups,
            cancellation=entity.cancellation,
        ),
        fee_description=body.commitment_fee_description or "Commitment Fee",
        fee_accounting_product_id=body.fees_accounting_product_id or body.accounting_product_id,
        frequency=billing.frequency if billing else "MONTHLY",
        interval=billing.interval if billing else 1,
    )


def _fund(account: AccountTerms, entity: CommitmentEntity, rounding: Rounding) -> Fund:
    body = entity.body
    cancelled = entity.cancellation.date if entity.cancellation else None
    products = frozenset(body.product_ids or ())
    no_priority = body.priority is None
    return Fund(
        id=entity.id,
        code=body.code or entity.id,
        kind="PREPAYMENT",
        account=account,
        currency=body.currency,
        rounding=rounding,
        contract_id=body.contract_id,
        products=products,
        types=frozenset(body.line_item_types or ()),
        mode=body.child_billing_mode or "PARENT_BREAKDOWN",
        start=body.start_date,
        end=body.end_date if cancelled is None else cancelled,
        agreed_end=body.end_date,
        cancelled=cancelled,
        amount=rounding.minor(body.amount),
        paid_in=paid_in(
            rounding, [(body.start_date, body.amount), *((one.date, one.amount) for one in entity.top_ups)]
        ),
        rollover_end=body.rollover_end_date,
        rollover_percent=Fraction(100 if body.rollover_percent is None else body.rollover_percent),
        rollover_cap=None if body.rollover_amount is None else rounding.floor(Fraction(body.rollover_amount)),
        rollover_last=body.rollover_order == "LAST",
        surcharge=body.overage_surcharge_percent or Decimal(0),
        separate=bool(body.separate_overage_usage) and not body.overage_surcharge_percent,
        usage_description=body.commitment_usage_description or "Commitment Consumed",
        overage_description=body.overage_description or "",
        accounting_product_id=body.drawdowns_accounting_product_id or body.accounting_product_id,
        order=(
            no_priority,
            body.priority or 0,
            body.end_date,
            body.start_date,
            body.contract_id is None,
            not products,
            entity.position,
            entity.id,
        ),
    )


def _balance(resources: Resources, account: AccountTerms, entity: BalanceEntity) -> Fund:
    body = entity.body
    rounding = organization_rounding(resources, body.currency)
    start, end = named_day(body.start_date, account.zone), named_day(body.end_date, account.zone)
    products = frozenset(body.product_ids or ())
    rolls_until = body.rollover_end_date
    return Fund(
        id=entity.id,
        code=body.code,
        kind="BALANCE",
        account=account,
        currency=body.currency,
        rounding=rounding,
        contract_id=body.contract_id,
        products=products,
        types=frozenset(body.line_item_types or ()),
        mode="PARENT_BREAKDOWN",
        start=start,
        end=end,
        agreed_end=end,
        cancelled=None,
        amount=0,
        paid_in=paid_in(rounding, [(max(one.date, start), one.amount) for one in entity.transactions]),
        rollover_end=None if rolls_until is None else named_day(rolls_until, account.zone),
        rollover_percent=Fraction(100),
        rollover_cap=None if body.rollover_amount is None else rounding.floor(Fraction(body.rollover_amount)),
        rollover_last=False,
        surcharge=body.overage_surcharge_percent or Decimal(0),
        separate=False,
        usage_description=body.balance_draw_down_description or "Balance Consumed",
        overage_description=body.overage_description or "",
        accounting_product_id=body.consumptions_accounting_product_id,
        order=(True, 0, end, start, body.contract_id is None, not products, entity.position, entity.id),
    )


def _minimum(resources: Resources, index: FamilyIndex, account: AccountTerms, entity: CommitmentEntity) -> Minimum:
    body = entity.body
    rounding = organization_rounding(resources, body.currency)
    billing = _billing(resources, index, account, entity, body.billing_plan_id)
    periods = commitment_periods(
        body, rounding=rounding, billing=billing.grid, top_ups=entity.top_ups, cancellation=entity.cancellation
    )
    return Minimum(
        id=entity.id,
        code=body.code or entity.id,
        account=account,
        currency=body.currency,
        rounding=rounding,
        contract_id=body.contract_id,
        products=frozenset(body.product_ids or ()),
        types=frozenset(body.line_item_types or ()),
        mode=body.child_billing_mode or "PARENT_BREAKDOWN",
        start=body.start_date,
        end=body.end_date,
        cancelled=entity.cancellation.date if entity.cancellation else None,
        amount=rounding.minor(body.amount),
        topped_up=sum(rounding.minor(one.amount) for one in entity.top_ups),
        description=body.commitment_fee_description or "Commitment True-up",
        accounting_product_id=body.fees_accounting_product_id or body.accounting_product_id,
        frequency=billing.frequency,
        interval=billing.interval,
        periods=periods,
        edges=(*(one.start for one in periods), *(one.end for one in periods[-1:])),
    )


def _billing(
    resources: Resources, index: FamilyIndex, account: AccountTerms, entity: CommitmentEntity, plan_id: str | None
) -> _Billing:
    """The billing plan's periods; without one the account plan's, else months from startDate (api.md E1)."""
    body, holder = entity.body, resources.accounts[account.id].body
    attached = [
        one
        for owner in dict.fromkeys((account.id, account.root_id))
        for one in _attached(resources, index, owner, account.zone, entity)
        if plan_id is None or one.body.plan_id == plan_id
    ]
    account_plan = attached[0].body if attached else None
    plan = resources.plans.get(plan_id or (account_plan.plan_id if account_plan else ""))
    template = resources.plan_templates.get(plan.body.plan_template_id) if plan else None
    if template is None:
        return _Billing(grid("MONTHLY", 1, body.bill_epoch or body.start_date), "MONTHLY", 1)
    epochs = (body.bill_epoch, account_plan.bill_epoch if account_plan else None, holder.bill_epoch)
    terms: PlanTemplate = template.body
    return _Billing(plan_grid(resources, terms, *epochs), terms.bill_frequency, terms.bill_frequency_interval or 1)


def _attached(resources: Resources, index: FamilyIndex, owner: str, zone: str, entity: CommitmentEntity) -> list[Any]:
    """The owner's account plans that overlap the commitment's term, first start first."""
    found = []
    for one in index.owned(resources, "account_plans", "account_id", owner):
        start, end = named_day(one.body.start_date, zone), one.body.end_date
        if start < entity.body.end_date and (end is None or entity.body.start_date < named_day(end, zone)):
            found.append((start, one.position, one))
    return [one for _, _, one in sorted(found, key=lambda item: item[:2])]
