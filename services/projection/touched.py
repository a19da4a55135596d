"""The accounts that a catalog fact affects: the accounts under some plans, or single accounts."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from events.facts.resources import OrganizationConfigured, ResourceFact
from events.resources.automation import AutomaticRule
from events.resources.catalog import Pricing
from events.resources.counters import CounterPricing
from events.resources.notifications import LEVELS
from projections.calculation import calculation_of
from projections.resources import Resources
from services.commands.table import kind_of


@dataclass(frozen=True, slots=True)
class Touched:
    """The accounts under these plans (None: all of the organization) and these accounts; for an aggregation its
    meters.
    """

    plans: frozenset[str] | None
    meters: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()


EVERYBODY = Touched(None)
NOBODY = Touched(frozenset())


def touched(catalog: Resources, fact: ResourceFact) -> Touched:
    """The accounts affected by the resource in the present catalog; call it before and after the fact is applied."""
    if isinstance(fact, OrganizationConfigured):
        return EVERYBODY
    if leads_nowhere(fact):
        return NOBODY
    if is_of_rule(fact):
        return _touched_by_rule(catalog, fact.id)
    aggregation = catalog.aggregations.get(fact.id)
    return Touched(_plans_over(catalog, fact.id), frozenset({aggregation.body.meter_id} if aggregation else ()))


def _touched_by_rule(catalog: Resources, id: str) -> Touched:
    """The accounts affected by a rule: an automatic rule looks at its account; a rule on a level looks at every
    account; a rule on an event looks at none here.
    """
    automatic = catalog.automatic_top_ups.get(id) or catalog.threshold_billings.get(id)
    if automatic is not None:
        body: AutomaticRule = automatic.body
        return Touched(frozenset(), accounts=frozenset({body.account_id}))
    rule = catalog.notification_configurations.get(id)
    return EVERYBODY if rule is not None and rule.body.event_name in LEVELS else NOBODY


def _plans_over(catalog: Resources, id: str) -> frozenset[str]:
    """The plans and plan groups that depend on a resource. On the way there each set holds those that are the resource
    or depend on it: aggregations, what is priced, pricings, templates, plans, groups.
    """
    aggregations = {own.id for own in catalog.aggregations.values() if id in (own.id, own.body.meter_id)}
    # The ids of aggregations, formulas and counters alike; no pricing prices any other id.
    priced = {id} | aggregations | _formulas_over(catalog, aggregations)
    pricings = list(_pricings_over(catalog, id, priced))
    templates = {id} | {pricing.plan_template_id for pricing in pricings}
    templates |= {template.id for template in catalog.plan_templates.values() if template.body.product_id == id}
    plans = {pricing.plan_id for pricing in pricings if pricing.plan_id}
    plans |= {plan.id for plan in catalog.plans.values() if plan.id == id or plan.body.plan_template_id in templates}
    links = (link for link in catalog.plan_group_links.values() if link.id == id or link.body.plan_id in plans)
    groups = ({id} & catalog.plan_groups.keys()) | {link.body.plan_group_id for link in links}
    return frozenset(plans | groups)


def _formulas_over(catalog: Resources, aggregations: Iterable[str]) -> set[str]:
    """The compound aggregations whose formulas name one of these aggregations."""
    codes = {catalog.aggregations[id].body.code for id in aggregations}
    formulas = catalog.compound_aggregations.values()
    return {formula.id for formula in formulas if not codes.isdisjoint(calculation_of(formula.body.calculation).codes)}


def _pricings_over(catalog: Resources, id: str, priced: Container[str]) -> Iterator[Pricing | CounterPricing]:
    """The pricing of this id, and all that price one of these."""
    for pricing in catalog.pricings.values():
        if pricing.id == id or pricing.body.priced_id in priced:
            yield pricing.body
    for of_counter in catalog.counter_pricings.values():
        if of_counter.id == id or of_counter.body.counter_id in priced:
            yield of_counter.body


def is_of_rule(fact: ResourceFact) -> bool:
    """Whether the fact is about a notification or an automatic rule: no terms follow from it."""
    kind = kind_of(fact)
    return kind is not None and kind.leads_to == "rules"


def leads_nowhere(fact: ResourceFact) -> bool:
    """Whether nothing that is settled or raised follows from the fact, for example one about a webhook."""
    kind = kind_of(fact)
    return kind is not None and kind.leads_to == "nothing"
