"""The choice of an aggregation whose totals answer a query about a meter's field, because only totals that add up can
be summed.
"""

from collections.abc import Collection, Iterable
from typing import Any

from events.resources.catalog import Aggregation, AggregationFunction
from projections.entities import Entity

_NUMBERS: tuple[AggregationFunction, ...] = ("SUM", "MEAN", "MIN", "MAX", "LATEST")
#: For each function, the functions whose day states contain it: every state has the number of records, and SUM and MEAN
#: have the same sum.
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
    """The aggregation whose totals give this function of the field, divided by these fields; None if there is none.

    Of several, an aggregation with that very function comes first, then the one with the fewest segments, then the
    oldest.
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
