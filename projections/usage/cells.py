"""The hot loop: what usage adds to totals between two transactions.

A `Cell` is what the usage of one account, aggregation, segment and day added since the last write. Cells are merged
into the family's totals once per transaction, so an event costs a dictionary look-up and an addition, and nothing of
it depends on how polls were cut.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal, localcontext
from typing import NamedTuple

from events.decimals import EXACT
from events.resources.catalog import AggregationFunction
from projections.aggregates import DayState, MeterAggregation, contributions, merge, meter_aggregation
from projections.resources import Resources
from projections.usage.rated import Details, RatedRecord, details_of

#: Account, aggregation, segment text, day of the account's zone.
CellKey = tuple[str, str, str, date]
#: A dozen years: usage comes in order of time, so what was forgotten is rarely asked for.
_MOST_HOURS = 100_000
_NOTHING: Mapping[str, str] = {}


class Cell:
    """Added since the last write: the state, and the first and last log offset that added to it.

    Of a plain sum only `number` and `count` are kept; it stays an int as long as only whole numbers were added.
    """

    __slots__ = ("count", "first", "last", "number", "state")

    def __init__(self, number: Decimal | int, state: DayState | None, offset: int) -> None:
        self.number = number
        self.count = 1
        self.state = state
        self.first = offset
        self.last = offset

    def day_state(self) -> DayState:
        """What was added, as a state that merges."""
        return DayState(Decimal(self.number), self.count) if self.state is None else self.state


class ZoneDays(dict[str, date]):
    """The day of the zone by the text of an hour of UTC, for the hours that lie in one day.

    Nearly every instant is found by the first 13 characters of its text; the rest (an hour in which a day begins, a
    text with another offset than Z) is worked out.
    """

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self.zone = zone
        self._torn: set[str] = set()

    def day(self, ts: str) -> date:
        """The day of an instant that is not known by its hour."""
        at = datetime.fromisoformat(ts)
        day = at.astimezone(self.zone).date()
        hour = ts[:13]
        if ts[-1] == "Z" and ts[10] == "T" and hour not in self._torn:
            start = at.replace(minute=0, second=0, microsecond=0)
            last = start + timedelta(minutes=59, seconds=59, microseconds=999_999)
            if start.astimezone(self.zone).date() == last.astimezone(self.zone).date():
                if len(self) >= _MOST_HOURS:
                    self.clear()
                self[hour] = day
            else:
                self._torn.add(hour)
        return day


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
    offsets: Iterable[int],
    usage: Iterable[RatedRecord],
    value_at: Callable[[int], bytes],
    plans: Mapping[str, MeterPlan],
    zones: Mapping[str, ZoneDays],
) -> None:
    """Add usage to the cells; `value_at` gives a record's bytes by offset. Every account must stand in `zones`.

    This loop runs once per event: keep it bare.
    """
    with localcontext(EXACT):
        for offset, record in zip(offsets, usage, strict=True):
            data = record.data
            plan = plans.get(data.meter_id)
            if plan is None:
                continue
            account = record.account
            days, ts = zones[account], data.ts
            # An hour's text means an hour of UTC only in a text that ends with Z.
            day = days.get(ts[:13]) if ts[-1] == "Z" else None
            if day is None:
                day = days.day(ts)
            measure = data.measure or _NOTHING
            for aggregation, field in plan.sums:
                text = measure.get(field)
                if text is None:
                    continue
                number = Decimal(text) if "." in text else int(text)
                key = (account, aggregation, "", day)
                cell = cells.get(key)
                if cell is None:
                    cells[key] = Cell(number, None, offset)
                else:
                    cell.number += number
                    cell.count += 1
                    cell.last = offset
            if plan.others:
                _fold_others(cells, offset, record.account, details_of(value_at(offset)), plan, day)


def _fold_others(
    cells: dict[CellKey, Cell], offset: int, account: str, details: Details, plan: MeterPlan, day: date
) -> None:
    for added in contributions(plan.others, details.numbers, details.texts, details.ts, details.usage_id):
        key = (account, added.aggregation_id, added.segment, day)
        cell = cells.get(key)
        if cell is None:
            cells[key] = Cell(0, added.value, offset)
        else:
            assert cell.state is not None
            cell.state = merge(plan.functions[added.aggregation_id], cell.state, added.value)
            cell.last = offset
