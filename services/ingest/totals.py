"""The usage totals of one partition in memory: one `Cell` per account, aggregation, segment and day; and the decoder
that reads `UsageRated` back into them when ingest starts.

The same numbers as the projector's table `usage_totals`, by the same functions of `projections.aggregates`. Ingest
needs them to compute the amount that a record adds to its charges; no bill rests on them. Use it in context
`events.decimals.EXACT`.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

import msgspec

from events.codec import ForeignRecordError, decode_own, encode
from events.resources.catalog import AggregationFunction
from events.sources import Origins
from projections.aggregates import Contribution, DayState, TotalsKey, contributions, merge, merge_all
from projections.calendar import Period
from projections.corrections import put_in, taken_out
from projections.not_json import NOT_JSON
from projections.usage import PREFIX as USUAL_PREFIX
from projections.usage import MeterPlan, joined

#: The first bytes of a record of either kind, of any schema version: `events.codec.encode` writes the type first.
RATED_PREFIX = b'{"type":"UsageRated"'
READ_PREFIX = b'{"type":"UsageRead"'
CORRECTION_PREFIXES = (b'{"type":"UsageVoided"', b'{"type":"UsageAmended"')
_ZERO = Decimal(0)


class RatedData(msgspec.Struct, rename="camel", gc=False):
    """The fields of `events.facts.usage.UsageRated` that ingest reads back; instants and numbers stay texts."""

    usage_id: str
    meter_id: str
    ts: str
    digest: str
    measure: dict[str, str] = {}
    who: dict[str, str] = {}
    what: dict[str, str] = {}
    where: dict[str, str] = {}
    other: dict[str, str] = {}
    metadata: dict[str, str] = {}


class RatedEnvelope(msgspec.Struct, gc=False):
    """The fields of the envelope around it that ingest reads back."""

    schema: int
    source: str
    sequence: int
    organization: str
    account: str
    data: RatedData


_RATED = msgspec.json.Decoder(RatedEnvelope)


def decode_rated(value: bytes, origins: Origins) -> RatedEnvelope:
    """The record in a value that begins with RATED_PREFIX; the codec decodes older schema versions.

    Raises: ForeignRecordError; UndecodableRecordError for a record of ours that this program does not understand.
    """
    if not value.startswith(USUAL_PREFIX):
        return _RATED.decode(encode(decode_own(value, origins)))
    try:
        rated = _RATED.decode(value)
    except NOT_JSON:
        raise ForeignRecordError("it begins as usage does and is none") from None
    if not origins.own(rated.source):
        raise ForeignRecordError(f"its source {rated.source[:80]!r} is none of this system's")
    return rated


class Cell:
    """One day of one total, changed in place: the hot loop adds to `number` and `records` of plain sums directly."""

    __slots__ = ("number", "records", "state")

    def __init__(self) -> None:
        self.number = _ZERO
        self.records = 0
        #: The state of an aggregation other than a sum.
        self.state: DayState | None = None

    def merge(self, function: AggregationFunction, value: DayState) -> None:
        """Merge a record's contribution."""
        if function == "SUM":
            self.number += value.number
            self.records += value.records
        else:
            self.state = value if self.state is None else merge(function, self.state, value)

    def correct(self, function: AggregationFunction, value: DayState, *, gone: bool) -> None:
        """Remove a record's contribution, or replace it by another.

        If the state does not contain enough (for example, when its maximum is removed), it stays unchanged until the
        next snapshot, which has the right state.
        """
        if function == "SUM":
            self.number += -value.number if gone else value.number
            self.records += -value.records if gone else value.records
        elif self.state is None:
            self.state = None if gone else value
        else:
            changed = (taken_out if gone else put_in)(function, self.state, value)
            if changed is not None:
                self.state = changed if changed.records else None


class PartitionTotals:
    """Cells by key and day."""

    def __init__(self) -> None:
        self._days: dict[TotalsKey, dict[date, Cell]] = {}

    def cell(self, key: TotalsKey, day: date) -> Cell:
        """The cell of a day, created if it is missing."""
        days = self._days.get(key)
        if days is None:
            days = self._days[key] = {}
        cell = days.get(day)
        if cell is None:
            cell = days[day] = Cell()
        return cell

    def load(self, key: TotalsKey, day: date, state: DayState) -> None:
        """Add a row of a snapshot. The reader of the cell knows whether it is a sum, so both forms are set."""
        cell = self.cell(key, day)
        cell.number, cell.records = state.number, state.records
        cell.state = state

    def add(self, account_id: str, day: date, plan: MeterPlan, parts: Iterable[Contribution]) -> None:
        """Merge contributions into the cells of their day."""
        for aggregation_id, segment, value in parts:
            self.cell((account_id, aggregation_id, segment), day).merge(plan.functions[aggregation_id], value)

    def correct(
        self, account_id: str, day: date, plan: MeterPlan, before: Iterable[Contribution], after: Iterable[Contribution]
    ) -> None:
        """Replace `before`, the contributions of an event of the day, by new contributions."""
        for parts, is_gone in ((before, True), (after, False)):
            for aggregation_id, segment, value in parts:
                cell = self.cell((account_id, aggregation_id, segment), day)
                cell.correct(plan.functions[aggregation_id], value, gone=is_gone)

    def add_record(self, rated: RatedEnvelope, ts: datetime, day: date, plan: MeterPlan) -> None:
        """Add a record of the log; `ts` is its time, which lies on `day`."""
        data = rated.data
        for aggregation_id, field in plan.sums:
            number = data.measure.get(field)
            if number is not None:
                self.cell((rated.account, aggregation_id, ""), day).merge("SUM", DayState(Decimal(number), 1))
        if plan.others:
            values = {code: Decimal(number) for code, number in data.measure.items()}
            texts = joined((data.who, data.what, data.where, data.other, data.metadata))
            self.add(rated.account, day, plan, contributions(plan.others, values, texts, ts, data.usage_id))

    def over(self, key: TotalsKey, function: AggregationFunction, periods: Iterable[Period]) -> DayState | None:
        """The state over all days that lie in one of the periods."""
        days = self._days.get(key, {})
        inside = [cell for day, cell in days.items() if any(period.holds(day) for period in periods)]
        if function == "SUM":
            records = sum(cell.records for cell in inside)
            return DayState(sum((cell.number for cell in inside), _ZERO), records) if records else None
        return merge_all(function, [cell.state for cell in inside if cell.state is not None])
