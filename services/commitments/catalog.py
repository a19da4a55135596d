"""Rules of the catalog, beside what each body says by itself."""

from events.resources.catalog import Aggregation, Pricing
from projections.resources import Resources
from services.commitments.checks import check_term
from services.commitments.errors import InvalidField

_NUMBERS = ("MEASURE", "INCOME", "COST")
_NEED_NUMBERS = ("SUM", "MIN", "MAX", "MEAN", "LATEST")


def check_aggregation(resources: Resources, body: Aggregation) -> None:
    """Its fields are fields of its meter, numbers where the function calculates, texts where usage is segmented."""
    meter = resources.meters[body.meter_id].body
    categories = {field.code: field.category for field in meter.data_fields}
    if body.target_field not in categories:
        raise InvalidField(field="targetField", rule=f"must be one of the meter's dataFields: {', '.join(categories)}")
    if body.aggregation in _NEED_NUMBERS and categories[body.target_field] not in _NUMBERS:
        raise InvalidField(field="targetField", rule=f"must be a number field for {body.aggregation}")
    for number, field in enumerate(body.segmented_fields):
        if categories.get(field, "MEASURE") in _NUMBERS:
            raise InvalidField(field=f"segmentedFields[{number}]", rule="must be a text field of the meter")
    for number, segment in enumerate(body.segments):
        if set(segment) != set(body.segmented_fields):
            raise InvalidField(field=f"segments[{number}]", rule="must give every one of segmentedFields, and no other")


def check_pricing(resources: Resources, body: Pricing) -> None:
    """A segment is made of its aggregation's segmented fields."""
    check_term(body.start_date, body.end_date)
    fields = resources.aggregations[body.aggregation_id].body.segmented_fields
    if body.segment and not set(body.segment) <= set(fields):
        raise InvalidField(
            field="segment", rule=f"must use the aggregation's segmentedFields: {', '.join(fields) or 'none'}"
        )
