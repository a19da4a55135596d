"""Rules of the catalog, beside what each body says by itself."""

from datetime import date
from typing import Any

from events.resources.catalog import NUMBERS, Aggregation, FieldCategory, Meter, Plan, Pricing
from projections.calendar import local_day
from projections.entities import PlanEntity
from projections.resources import Resources
from services.commands.checks import check_term
from services.commands.errors import InvalidField
from services.commands.kind import value_of
from services.commands.messages import UpdateResource
from services.commands.table import KINDS

#: Kinds with fees, which hold from a day on: these fields, and the fact's member that says from which.
DATED = tuple(kind.name for kind in KINDS.values() if kind.entity is PlanEntity)
FEES = {"standingCharge": "standing_charge_from", "minimumSpend": "minimum_spend_from"}
#: A price holds for accounts of every zone: its days are the calendar's.
ZONE_OF_PRICES = "UTC"
_NEED_NUMBERS = ("SUM", "MIN", "MAX", "MEAN", "LATEST")


def check_aggregation(resources: Resources, body: Aggregation) -> None:
    """Its fields are fields of its meter, numbers where the function calculates, texts where usage is segmented."""
    meter = resources.meters[body.meter_id].body
    target = category_of(meter, body.target_field, "targetField")
    if body.aggregation in _NEED_NUMBERS and target not in NUMBERS:
        raise InvalidField(field="targetField", rule=f"must be a number field for {body.aggregation}")
    texts = {field.code for field in meter.data_fields if field.category not in NUMBERS}
    for number, field in enumerate(body.segmented_fields):
        if field not in texts:
            raise InvalidField(field=f"segmentedFields[{number}]", rule="must be a text field of the meter")
    for number, segment in enumerate(body.segments):
        if set(segment) != set(body.segmented_fields):
            raise InvalidField(field=f"segments[{number}]", rule="must give every one of segmentedFields, and no other")


def category_of(meter: Meter, code: str, named_by: str) -> FieldCategory:
    """The category of a meter's field. Raises: InvalidField, of the member that names it, if there is no such field."""
    categories = {field.code: field.category for field in meter.data_fields}
    if code not in categories:
        raise InvalidField(field=named_by, rule=f"must be one of the meter's dataFields: {', '.join(categories)}")
    return categories[code]


def check_pricing(resources: Resources, body: Pricing) -> None:
    """A segment is made of its aggregation's segmented fields."""
    check_term(body.start_date, body.end_date, ZONE_OF_PRICES)
    if body.aggregation_id is None:
        return
    fields = resources.aggregations[body.aggregation_id].body.segmented_fields
    if body.segment and not set(body.segment) <= set(fields):
        raise InvalidField(
            field="segment", rule=f"must use the aggregation's segmentedFields: {', '.join(fields) or 'none'}"
        )


def fee_dates(resources: Resources, held: PlanEntity[Any], command: UpdateResource) -> dict[str, date]:
    """From when on fees of a plan, template or group hold: the update's `effectiveDate`, else the organization's day.

    What did not change keeps its days. An effectiveDate beside no change at all gives both amounts anew from it on:
    so a change that was dated is moved. Raises: InvalidField beside another template, whose fees have their own days.
    """
    body = command.body
    if command.effective is not None and _template_of(held.body) != _template_of(body):
        raise InvalidField(
            field="effectiveDate",
            rule="does not go with another planTemplateId, which holds as if it always had: change one after the other",
        )
    changed = [name for name in FEES if value_of(held.body, name) != value_of(body, name)]
    if not changed and command.effective is not None:
        changed = list(FEES)
    assert resources.config is not None
    day = command.effective or local_day(command.now, resources.config.body.timezone)
    return {FEES[name]: day for name in changed}


def _template_of(body: Any) -> str | None:
    return body.plan_template_id if isinstance(body, Plan) else None
