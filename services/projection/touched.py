"""Whom a fact of the catalog touches: the accounts under which plans, or which accounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from events.facts.resources import OrganizationConfigured, ResourceFact
from events.resources.automation import AutomaticRule, AutomaticTopUp, ThresholdBilling
from events.resources.catalog import Pricing
from events.resources.notifications import LEVELS, NotificationConfiguration
from events.resources.webhooks import Webhook
from projections.calculation import calculation_of
from projections.entities import Entity
from projections.resources import Resources

#: How facts about rules begin: nothing is settled otherwise by them.
_RULES = tuple(model.__name__ for model in (NotificationConfiguration, AutomaticTopUp, ThresholdBilling))


@dataclass(frozen=True, slots=True)
class Touched:
    """The accounts under these plans (None: all of the organization) and these; of an aggregation its meters."""

    plans: frozenset[str] | None
    meters: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()


def touched(catalog: Resources, fact: ResourceFact) -> Touched:
    """Plans and plan groups whose accounts the resource concerns as the catalog is now; asked before and after the fact
    is applied."""
    if isinstance(fact, OrganizationConfigured):
        return Touched(None)
    for automatic in (catalog.automatic_top_ups, catalog.threshold_billings):
        if (acting := automatic.get(fact.id)) is not None:
            body: AutomaticRule = acting.body
            return Touched(frozenset(), accounts=frozenset({body.account_id}))
    if is_of_webhook(fact):
        return Touched(frozenset())
    if is_of_rule(fact):
        rule = catalog.notification_configurations.get(fact.id)
        # One that waits for a level looks at everybody; one that waits for something that happens looks at nobody here.
        return Touched(None if rule is not None and rule.body.event_name in LEVELS else frozenset())
    id = fact.id
    pricings: list[Entity[Any]] = [*catalog.pricings.values(), *catalog.counter_pricings.values()]
    plans = {plan.id for plan in catalog.plans.values() if id in (plan.id, plan.body.plan_template_id)}
    aggregations = {
        aggregation.id
        for aggregation in catalog.aggregations.values()
        if id in (aggregation.id, aggregation.body.meter_id)
    }
    sources = {id} | aggregations | _formulas_over(catalog, aggregations)
    templates = {template.id for template in catalog.plan_templates.values() if template.body.product_id == id}
    for pricing in pricings:
        source = pricing.body.priced_id if isinstance(pricing.body, Pricing) else pricing.body.counter_id
        if id == pricing.id or source in sources:
            plans |= {pricing.body.plan_id} if pricing.body.plan_id else set()
            templates |= {pricing.body.plan_template_id} if pricing.body.plan_template_id else set()
    plans |= {plan.id for plan in catalog.plans.values() if plan.body.plan_template_id in templates}
    links = catalog.plan_group_links.values()
    plans |= {link.body.plan_group_id for link in links if link.id == id or link.body.plan_id in plans}
    plans |= {id} if id in catalog.plan_groups else set()
    aggregation = catalog.aggregations.get(id)
    return Touched(frozenset(plans), frozenset({aggregation.body.meter_id} if aggregation else ()))


def is_of_rule(fact: ResourceFact) -> bool:
    """Whether it is about a rule: no terms follow from it."""
    return type(fact).__name__.startswith(_RULES)


def is_of_webhook(fact: ResourceFact) -> bool:
    """Whether it is about a webhook: nothing that is settled or raised follows from it."""
    return type(fact).__name__.startswith(Webhook.__name__)


def _formulas_over(catalog: Resources, aggregations: Iterable[str]) -> set[str]:
    """The compound aggregations whose formulas name one of these aggregations."""
    codes = {catalog.aggregations[id].body.code for id in aggregations}
    formulas = catalog.compound_aggregations.values()
    return {formula.id for formula in formulas if not codes.isdisjoint(calculation_of(formula.body.calculation).codes)}
