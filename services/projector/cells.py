"""The hot loop: what usage adds to totals between two transactions.

A `Cell` is what the usage of one account, aggregation, segment and day added since the last write. Cells are merged
into the family's totals once per transaction, so an event costs a dictionary look-up and an addition, and nothing of
it depends on how polls were cut.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, tzinfo
from decimal import Decimal, localcontext
from typing import NamedTuple

from events.decimals import EXACT
from events.resources.catalog import AggregationFunction
from projections.aggregates import DayState, MeterAggregation, contributions, merge, meter_aggregation
from projections.resources import Resources
from services.projector.rated import RatedRecord

#: Account, aggregation, segment text, day of the account's zone.
CellKey = tuple[str, str, str, date]


class Cell:
    """Added since the last write: the state, and the first and last log offset that added to it."""

    __slots__ = ("count", "first", "last", "number", "state")

    def __init__(self, number: Decimal, count: int, state: DayState | None, offset: int) -> None:
        self.number = number
        self.count = count
        self.state = state
        self.first = offset
        self.last = offset

    def day_state(self) -> DayState:
        """What was added, as a state that merges."""
        return DayState(self.number, self.count) if self.state is None else self.state


class MeterPlan(NamedTuple):
    """The aggregations of one meter: plain sums apart, because nearly all usage is one."""

    sums: tuple[tuple[str, str], ...]
    others: tuple[MeterAggregation, ...]
    functions: Mapping[str, AggregationFunction]


def meter_plans(catalog: Resources, only: frozenset[str] | None = None) -> dict[str, MeterPlan]:
    """The plan of every meter that has an aggregation (`only`: of these aggregations)."""
    by_meter: dict[str, list[MeterAggregation]] = {}
    for entity in catalog.aggregations.values():
        if only is None or entity.id in only:
            by_meter.setdefault(entity.body.meter_id, []).append(meter_aggregation(entity.id, entity.body))
    plans = {}
    for meter_id, listed in by_meter.items():
        plain_sums = [one for one in listed if one.function == "SUM" and not one.segmented_fields]
        plans[meter_id] = MeterPlan(
            tuple((one.id, one.field) for one in plain_sums),
            tuple(one for one in listed if one not in plain_sums),
            {one.id: one.function for one in listed},
        )
    return plans


def fold_usage(
    cells: dict[CellKey, Cell],
    rated: Iterable[tuple[int, RatedRecord]],
    plans: Mapping[str, MeterPlan],
    zones: Mapping[str, tzinfo],
) -> None:
    """Add usage (log offset, record) to the cells. Every account must stand in `zones`."""
    with localcontext(EXACT):
        for offset, record in rated:
            data = record.data
            plan = plans.get(data.meter_id)
            if plan is None:
                continue
            account = record.account
            zone = zones[account]
            at = data.ts
            day = at.date() if zone is UTC and at.tzinfo is UTC else at.astimezone(zone).date()
            measure = data.measure
            for aggregation, field in plan.sums:
                number = measure.get(field)
                if number is None:
                    continue
                key = (account, aggregation, "", day)
                cell = cells.get(key)
                if cell is None:
                    cells[key] = Cell(number, 1, None, offset)
                else:
                    cell.number += number
                    cell.count += 1
                    cell.last = offset
            if plan.others:
                _fold_others(cells, offset, record, plan, day)


def _fold_others(cells: dict[CellKey, Cell], offset: int, record: RatedRecord, plan: MeterPlan, day: date) -> None:
    data = record.data
    for added in contributions(plan.others, data.measure, data.texts(), data.ts, data.usage_id):
        key = (record.account, added.aggregation_id, added.segment, day)
        cell = cells.get(key)
        if cell is None:
            cells[key] = Cell(added.value.number, 1, added.value, offset)
        else:
            assert cell.state is not None
            cell.state = merge(plan.functions[added.aggregation_id], cell.state, added.value)
            cell.last = offset
