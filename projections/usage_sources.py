"""Which aggregation's totals can say what somebody asks of a meter's field: only what is added up can be summed."""

from collections.abc import Collection, Iterable
from typing import Any

from events.resources.catalog import Aggregation, AggregationFunction
from projections.entities import Entity

_NUMBERS: tuple[AggregationFunction, ...] = ("SUM", "MEAN", "MIN", "MAX", "LATEST")
#: By function, those whose day states tell it: a state has the number of records, and SUM and MEAN the same number.
TOLD_BY: dict[AggregationFunction, tuple[AggregationFunction, ...]] = {
    "SUM": ("SUM", "MEAN"),
    "MEAN": ("MEAN", "SUM"),
    "COUNT": ("COUNT", "UNIQUE", *_NUMBERS),
    "MIN": ("MIN",),
    "MAX": ("MAX",),
    "LATEST": ("LATEST",),
    "UNIQUE": ("UNIQUE",),
}


def source_of(
    aggregations: Iterable[Entity[Aggregation]],
    meter_id: str,
    field: str,
    function: AggregationFunction,
    segmented_by: Collection[str],
) -> Entity[Aggregation] | None:
    """The aggregation whose totals tell this function of the field, divided by these fields; None if none does.

    Of several the one of that very function, then the one in the fewest segments, then the one that was made first.
    """
    told_by = TOLD_BY[function]

    def rank(entity: Entity[Any]) -> tuple[int, int, int]:
        return told_by.index(entity.body.aggregation), len(entity.body.segmented_fields), entity.position

    fitting = [
        entity
        for entity in aggregations
        if (entity.body.meter_id, entity.body.target_field) == (meter_id, field)
        and entity.body.aggregation in told_by
        and set(segmented_by) <= set(entity.body.segmented_fields)
    ]
    return min(fitting, key=rank, default=None)
