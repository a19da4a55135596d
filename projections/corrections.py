"""Usage that was corrected by its id: the fields that now apply, and the effect on totals (decision 32, rules 3.27).

Two ways lead to the same totals. A fold of usage from a range of the log knows all corrections before its end, and
skips what no longer applies (`fold_corrected`). A holder of totals subtracts a record (`taken_out`) and adds it again
(`put_in`) if its state allows that, and otherwise folds the usage again.

A voided record leaves the same trace both ways: a total's offsets still include its event, and a sum keeps its number
of digits after the point. So rows never depend on when, or by which process, they were made.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from events.decimals import EXACT
from events.envelope import Envelope
from events.facts.corrections import UsageAmended, UsageCorrection, UsageFields
from events.resources.catalog import AggregationFunction
from events.zones import ZoneDays, day_in
from projections.aggregates import Contribution, DayState, MeterAggregation, contributions, merge
from projections.usage import Cell, CellKey, MeterPlan, RatedRecord, fold_usage, joined

#: Functions whose state can exactly subtract a record that was added.
_TAKES_BACK: frozenset[AggregationFunction] = frozenset(("SUM", "COUNT", "MEAN"))
_ZERO = Decimal(0)
#: A day whose records were all voided.
NOTHING = DayState(_ZERO, 0)


class Told(NamedTuple):
    """The fact that corrected an event, with its time, actor and reason."""

    id: UUID
    time: datetime
    actor: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected usage event. `were` are its earlier fields, oldest first; `stands` the fields that apply now, None:
    it was voided.
    """

    event_id: UUID
    account: str
    meter_id: str
    ts: datetime
    usage_id: str
    were: tuple[UsageFields, ...]
    stands: UsageFields | None
    told: Told

    def adds(self, plan: MeterPlan, fields: UsageFields) -> list[Contribution]:
        """The event's contributions to the aggregations of its meter with these fields."""
        return contributions(all_of(plan), fields.measure, texts_of(fields), self.ts, self.usage_id)


#: By the event's offset in the account's partition of `billing.events`.
Corrections = Mapping[int, Corrected]


def corrected_by(envelope: Envelope, before: Corrected | None) -> Corrected:
    """The event after the envelope's correction; `before` is the event after earlier corrections."""
    fact = envelope.data
    assert isinstance(fact, UsageCorrection) and envelope.account is not None
    were = (fact.was,) if before is None else (*before.were, fact.was)
    stands = fact.now if isinstance(fact, UsageAmended) else None
    told = Told(envelope.id, envelope.time, envelope.actor, fact.reason)
    return Corrected(fact.event_id, envelope.account, fact.meter_id, fact.ts, fact.usage_id, were, stands, told)


def corrections_of(envelopes: Iterable[Envelope]) -> dict[int, Corrected]:
    """All corrections in these facts, in their order; other facts are skipped."""
    corrections = dict[int, Corrected]()
    for envelope in envelopes:
        if isinstance(envelope.data, UsageCorrection):
            offset = envelope.data.log_offset
            corrections[offset] = corrected_by(envelope, corrections.get(offset))
    return corrections


def texts_of(fields: UsageFields) -> dict[str, str]:
    """The texts of all categories, by code."""
    return joined((fields.who, fields.what, fields.where, fields.other, fields.metadata))


def all_of(plan: MeterPlan) -> tuple[MeterAggregation, ...]:
    """Every aggregation of a meter, including plain sums."""
    return (*(MeterAggregation(id, "SUM", field, ()) for id, field in plan.sums), *plan.others)


def taken_out(function: AggregationFunction, state: DayState, gone: DayState) -> DayState | None:
    """The state without one of its records; None if the state does not contain enough to tell."""
    if function in _TAKES_BACK:
        return DayState(EXACT.subtract(state.number, gone.number), state.records - 1)
    if state.records == 1:
        return NOTHING
    match function:
        case "MIN":
            stays = gone.number > state.number
        case "MAX":
            stays = gone.number < state.number
        case "LATEST":
            stays = gone.latest < state.latest
        case _:
            stays = False
    return state._replace(records=state.records - 1) if stays else None


def after_nothing(function: AggregationFunction, nothing: DayState, added: DayState) -> DayState:
    """The contribution to a total without valid records: a sum keeps its digits, any other state is replaced."""
    return merge(function, nothing, added) if function in _TAKES_BACK else added


def put_in(function: AggregationFunction, state: DayState, added: DayState) -> DayState | None:
    """The state with a record put in its place among the others; None as in `taken_out`. Of equal extremes, the
    spelling of the first in the log is kept.
    """
    if not state.records:
        return after_nothing(function, state, added)
    if function in ("MIN", "MAX", "LATEST") and (state.latest, state.number) == (added.latest, added.number):
        return None
    return merge(function, state, added)


class _Trace(NamedTuple):
    """The trace of invalid records in a total: a zero with as many digits, and their offsets in the log."""

    number: Decimal
    first: int
    last: int

    def and_(self, other: "_Trace") -> "_Trace":
        number = EXACT.add(self.number, other.number)
        return _Trace(number, min(self.first, other.first), max(self.last, other.last))


class CorrectedFold:
    """Folds usage from the log, with all corrections before the end of the range."""

    def __init__(self, corrections: Corrections, plans: Mapping[str, MeterPlan], zones: Mapping[str, ZoneDays]) -> None:
        self._corrections, self._plans, self._zones = corrections, plans, zones
        self._offsets = sorted(corrections)
        self._cells: dict[CellKey, Cell] = {}
        self._traces: dict[CellKey, _Trace] = {}

    def fold(self, offsets: Sequence[int], usage: Sequence[RatedRecord], value_at: Callable[[int], bytes]) -> None:
        """Fold the next records, in order; arguments as in `fold_usage`."""
        start = 0
        for offset in self._between(offsets):
            index = bisect_left(offsets, offset)
            if index == len(offsets) or offsets[index] != offset:
                continue
            self._plainly(offsets[start:index], usage[start:index], value_at)
            self._corrected(offset, self._corrections[offset])
            start = index + 1
        self._plainly(offsets[start:], usage[start:], value_at)

    def _between(self, offsets: Sequence[int]) -> Sequence[int]:
        """Offsets of corrected events between the first and the last of these."""
        if not offsets or not self._offsets:
            return ()
        return self._offsets[bisect_left(self._offsets, offsets[0]) : bisect_left(self._offsets, offsets[-1] + 1)]

    def _plainly(self, offsets: Sequence[int], usage: Sequence[RatedRecord], value_at: Callable[[int], bytes]) -> None:
        fold_usage(self._cells, offsets, usage, value_at, self._plans, self._zones)

    def _corrected(self, offset: int, event: Corrected) -> None:
        plan = self._plans.get(event.meter_id)
        if plan is None:
            return
        day = day_of(event, self._zones)
        for fields in event.were:
            for gone in event.adds(plan, fields):
                key = (event.account, gone.aggregation_id, gone.segment, day)
                number = gone.value.number if plan.functions[gone.aggregation_id] in _TAKES_BACK else _ZERO
                trace = _Trace(EXACT.subtract(number, number), offset, offset)
                before = self._traces.get(key)
                self._traces[key] = trace if before is None else before.and_(trace)
        if event.stands is not None:
            sums = {aggregation_id for aggregation_id, _ in plan.sums}
            for added in event.adds(plan, event.stands):
                key = (event.account, added.aggregation_id, added.segment, day)
                cell = self._cells.get(key)
                if cell is not None:
                    cell.add(plan.functions[key[1]], added.value, offset)
                elif key[1] in sums:
                    self._cells[key] = Cell(added.value.number, None, offset)
                else:
                    self._cells[key] = Cell(0, added.value, offset)

    def cells(self) -> dict[CellKey, Cell]:
        """The folded totals, with the traces of invalid records. Call it once, at the end."""
        for key, trace in self._traces.items():
            cell = self._cells.get(key)
            if cell is None:
                cell = self._cells[key] = Cell(0, NOTHING, trace.first)
            cell.leave_trace(*trace)
        return self._cells


def day_of(event: Corrected, zones: Mapping[str, ZoneDays]) -> date:
    """The day on which the event counts, in its account's zone."""
    return day_in(zones[event.account].zone, event.ts)
