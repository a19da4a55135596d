"""Rules of the catalog, beyond the checks of each body: of meters and prices, of formulas and the aggregations that
they name by code (rules 3.19), of plan groups and their plans (rules 3.23).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from events.resources.catalog import (
    NUMBERS,
    Aggregation,
    CompoundAggregation,
    FieldCategory,
    Meter,
    Plan,
    PlanTemplate,
    Pricing,
)
from events.resources.plan_groups import PlanGroupLink
from projections.calculation import CalculationError, calculation_of
from projections.calendar import local_day
from projections.entities import SUPPOSED, Entity, PlanEntity
from projections.resources import Resources
from services.commands.account_rules import check_no_overlap, template_of
from services.commands.checks import check_term
from services.commands.kind import value_of
from services.commands.messages import UpdateResource
from services.commands.refused import InvalidField, Referenced
from services.commands.table import KINDS

#: Kinds whose fees apply from a day on: these fields, and the fact's member with that day.
DATED = tuple(kind.name for kind in KINDS.values() if kind.entity is PlanEntity)
FEES = {"standingCharge": "standing_charge_from", "minimumSpend": "minimum_spend_from"}
#: A pricing applies to accounts of every zone, so its days are days of the calendar.
ZONE_OF_PRICES = "UTC"
_NEED_NUMBERS = ("SUM", "MIN", "MAX", "MEAN", "LATEST")


def check_meter(resources: Resources, body: Meter, current: Entity[Any] | None) -> None:
    """Check a meter's personal fields, where personal data is encrypted with keys. A field is personal from its
    beginning or never: otherwise some stored texts would not be sealed, and a person would be counted twice. A field
    that bills show is never personal.
    """
    if current is None or not resources.keeps_keys:
        return
    before = {field.code: field.category for field in current.body.data_fields}
    of_meter = (entity.body for entity in resources.aggregations.values() if entity.body.meter_id == current.id)
    shown = {field for aggregation in of_meter for field in aggregation.segmented_fields}
    for number, field in enumerate(body.data_fields):
        was = before.get(field.code, field.category)
        if "WHO" in (was, field.category) and (was != field.category or field.code in shown):
            rule = f"must not be {field.category}: with personalData ERASABLE a field is of category WHO from its"
            rule += " beginning or never, and nobody's name is on a bill"
            raise InvalidField(field=f"dataFields[{number}].category", rule=rule)


def check_aggregation(resources: Resources, body: Aggregation) -> None:
    """Check that its fields are fields of its meter: numbers if the function calculates, texts for segments."""
    meter = resources.meters[body.meter_id].body
    target = category_of(meter, body.target_field, "targetField")
    if body.aggregation in _NEED_NUMBERS and target not in NUMBERS:
        raise InvalidField(field="targetField", rule=f"must be a number field for {body.aggregation}")
    texts = {field.code for field in meter.data_fields if field.category not in NUMBERS}
    for number, field in enumerate(body.segmented_fields):
        if field not in texts:
            raise InvalidField(field=f"segmentedFields[{number}]", rule="must be a text field of the meter")
        if resources.keeps_keys and category_of(meter, field, "") == "WHO":
            rule = "must be no field of category WHO: with personalData ERASABLE nobody's name is on a bill"
            raise InvalidField(field=f"segmentedFields[{number}]", rule=rule)
    for number, segment in enumerate(body.segments):
        if set(segment) != set(body.segmented_fields):
            raise InvalidField(field=f"segments[{number}]", rule="must give every one of segmentedFields, and no other")


def category_of(meter: Meter, code: str, named_by: str) -> FieldCategory:
    """The category of a meter's field. Raises: InvalidField for `member`, if there is no such field."""
    categories = {field.code: field.category for field in meter.data_fields}
    if code not in categories:
        raise InvalidField(field=named_by, rule=f"must be one of the meter's dataFields: {', '.join(categories)}")
    return categories[code]


def check_pricing(resources: Resources, body: Pricing) -> None:
    """Check that a segment has its aggregation's segmented fields."""
    check_term(body.start_date, body.end_date, ZONE_OF_PRICES)
    if body.aggregation_id is None:
        return
    fields = resources.aggregations[body.aggregation_id].body.segmented_fields
    if body.segment and not set(body.segment) <= set(fields):
        raise InvalidField(
            field="segment", rule=f"must use the aggregation's segmentedFields: {', '.join(fields) or 'none'}"
        )


def fee_dates(resources: Resources, current: PlanEntity[Any], command: UpdateResource) -> dict[str, date]:
    """The days from which fees of a plan, template or group apply: the update's `effectiveDate`, else today.

    An unchanged fee keeps its day. An effectiveDate without any change repeats both amounts from that day on, which
    moves a dated change. Raises: InvalidField for an effectiveDate beside a change of template, whose fees have their
    own days.
    """
    body = command.body
    if command.effective is not None and _template_of(current.body) != _template_of(body):
        raise InvalidField(
            field="effectiveDate",
            rule="does not go with another planTemplateId, which holds as if it always had: change one after the other",
        )
    changed = [name for name in FEES if value_of(current.body, name) != value_of(body, name)]
    if not changed and command.effective is not None:
        changed = list(FEES)
    assert resources.config is not None
    day = command.effective or local_day(command.now, resources.config.body.timezone)
    return {FEES[name]: day for name in changed}


def _template_of(body: Any) -> str | None:
    return body.plan_template_id if isinstance(body, Plan) else None


def check_compound(resources: Resources, body: CompoundAggregation) -> None:
    """Check that its formula parses, and names existing aggregations without segments."""
    try:
        codes = calculation_of(body.calculation).codes
    except CalculationError as error:
        raise InvalidField(field="calculation", rule=str(error)) from None
    by_code = {entity.body.code: entity.body for entity in resources.aggregations.values()}
    for code in codes:
        if code not in by_code:
            raise InvalidField(field="calculation", rule=f"names aggregation.{code}, and no aggregation has that code")
        if by_code[code].segmented_fields:
            raise InvalidField(field="calculation", rule=f"names aggregation.{code}, which is segmented")


def codes_in(text: str) -> tuple[str, ...]:
    """The codes of the aggregations in a formula; empty for an invalid formula."""
    try:
        return calculation_of(text).codes
    except CalculationError:
        return ()


def check_still_named(resources: Resources, current: Entity[Aggregation], body: Aggregation | None) -> None:
    """Check that an aggregation in a formula keeps its code, gets no segments, and is not deleted (no body).

    Raises: Referenced, InvalidField.
    """
    naming = next(naming_it(resources, current), None)
    if naming is None:
        return
    if body is None:
        raise Referenced(kind="aggregation", id=current.id, referrer="compoundAggregation", referrer_id=naming.id)
    if body.code != current.body.code:
        raise InvalidField(field="code", rule=f"is named in the calculation of compoundAggregation {naming.id}")
    if body.segmented_fields:
        raise InvalidField(
            field="segmentedFields",
            rule=f"must be empty: the calculation of compoundAggregation {naming.id} names this aggregation",
        )


def naming_it(resources: Resources, current: Entity[Aggregation]) -> Iterator[Entity[CompoundAggregation]]:
    """The compound aggregations whose formulas name the aggregation, in the order of creation."""
    by_age = sorted(resources.compound_aggregations.values(), key=lambda compound: compound.position)
    return (compound for compound in by_age if current.body.code in calculation_of(compound.body.calculation).codes)


def check_link(resources: Resources, id: str, body: PlanGroupLink) -> None:
    """Check that a group has one plan of each product, all in one currency and billed alike, and that no account on the
    group has one of these products twice on a day.
    """
    plan, group = resources.plans[body.plan_id].body, resources.plan_groups[body.plan_group_id].body
    template = template_of(resources, body.plan_id)
    if template.currency != group.currency:
        rule = f"names a plan in {template.currency}, and the group is in {group.currency}"
        raise InvalidField(field="planId", rule=rule)
    if plan.account_id not in (None, group.account_id):
        raise InvalidField(field="planId", rule="names a plan of one account, and the group is not that account's")
    for other in _others(resources, id, body.plan_group_id):
        theirs = template_of(resources, other.body.plan_id)
        if theirs.product_id == template.product_id:
            rule = f"names a plan of a product of which the group has one already, by planGroupLink {other.id}"
            raise InvalidField(field="planId", rule=rule)
        if _billed(template) != _billed(theirs):
            rule = f"names a plan that is not billed at the frequency and interval of planGroupLink {other.id}'s"
            raise InvalidField(field="planId", rule=rule)
    _check_accounts(resources, id, body)


def _others(resources: Resources, id: str, group_id: str) -> list[Entity[PlanGroupLink]]:
    links = [
        link for link in resources.plan_group_links.values() if link.id != id and link.body.plan_group_id == group_id
    ]
    return sorted(links, key=lambda link: link.position)


def _billed(template: PlanTemplate) -> tuple[str, int]:
    return template.bill_frequency, template.bill_interval


def _check_accounts(resources: Resources, id: str, body: PlanGroupLink) -> None:
    """Check the accounts on the group, as if the link already existed. Raises: OverlappingPlan."""
    assert resources.config is not None
    made = Entity(id, 1, body, SUPPOSED, 0, resources.config.created, resources.config.created)
    supposed = replace(resources, plan_group_links=resources.plan_group_links | {id: made})
    for account_plan in resources.account_plans.values():
        if account_plan.body.plan_group_id == body.plan_group_id:
            check_no_overlap(supposed, account_plan.id, account_plan.body)
