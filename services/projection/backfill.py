"""Totals of the past for an aggregation that was created or changed: derived from the log, before any of it is shown.

A total is a function of a log prefix and a catalog prefix. When the catalog moves, the usage that is already folded has
to count under the new aggregation too; the partition remembers where each meter's usage begins, so a meter that was
never used costs nothing.
"""

from collections.abc import Mapping

from events.sources import Origins
from events.topics import EVENTS
from events.zones import ZoneDays
from projections.readmodels.positions import Position
from projections.resources import Resources
from projections.usage import Cell, CellKey, MeterPlan, fold_usage, meter_plans
from services.kafka import LogReader, Polled
from services.projection.catalog import CatalogChange
from services.projection.taking import take


def changed_aggregations(changes: list[CatalogChange]) -> dict[str, set[str]]:
    """Organization -> aggregations that were created, changed or deleted."""
    found: dict[str, set[str]] = {}
    for change in changes:
        if change.aggregation is not None:
            found.setdefault(change.organization, set()).add(change.aggregation)
    return found


async def rederive(
    reader: LogReader,
    position: Position,
    catalogs: Mapping[str, Resources],
    changed: Mapping[str, set[str]],
    zones: Mapping[str, ZoneDays],
    origins: Origins,
) -> dict[CellKey, Cell]:
    """All totals of the changed aggregations over the partition's log before `position.next_offset`.

    `zones` must hold every account of the partition. Memory grows with the totals, not with the log.
    """
    plans: dict[str, MeterPlan] = {}
    for organization, aggregations in changed.items():
        plans |= meter_plans(catalogs[organization], frozenset(aggregations))
    firsts = [position.meters[meter] for meter in plans if meter in position.meters]
    cells: dict[CellKey, Cell] = {}
    if firsts:
        past = Position(position.partition, next_offset=min(firsts))
        async for records in reader.read(EVENTS, position.partition, min(firsts), position.next_offset):
            taken = take(past, Polled(records, records[-1].offset + 1), origins)
            fold_usage(cells, taken.offsets, taken.usage, taken.value_at, plans, zones)
    return cells
