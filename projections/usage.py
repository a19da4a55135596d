"""Usage as the log has it, decoded fast and added up by day: the hot loop of every worker that folds it.

The `UsageRated` records of a poll are decoded together, and only the fields that plain sums need. The pydantic fact in
`events.facts.usage` is the definition; a test holds these structs equal to it. Records of another form or schema
version go through `events.codec`, with the same result.

A `Cell` holds the additions to one account, aggregation, segment and day since the last write. Cells are merged into
the family's totals once per transaction, so an event costs a look-up and an addition, whatever the sizes of polls.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal, localcontext
from typing import NamedTuple

import msgspec

from events.codec import UndecodableRecordError, decode
from events.decimals import EXACT, plain
from events.envelope import Envelope
from events.facts.usage import UsageRated
from events.resources.base import moment_text
from events.resources.catalog import AggregationFunction
from events.zones import ZoneDays
from projections.aggregates import DayState, MeterAggregation, contributions, merge, meter_aggregation
from projections.not_json import NOT_JSON
from projections.resources import Resources

#: The beginning of a UsageRated of the current schema version, as `events.codec.encode` writes it.
PREFIX = b'{"type":"UsageRated","schema":%d,' % UsageRated.schema_version
#: Account, aggregation, segment text, day of the account's zone.
CellKey = tuple[str, str, str, date]
_NOTHING: Mapping[str, str] = {}


class RatedData(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The fields that plain sums and seen ids need. `ts` and the numbers stay texts: most are only summed."""

    meter_id: str
    ts: str
    digest: str
    measure: dict[str, str] | None = None


class RatedRecord(msgspec.Struct, frozen=True, gc=False):
    """The envelope of such a record; `time` is the usage's arrival."""

    source: str
    sequence: int
    account: str
    time: datetime
    data: RatedData


class Details(NamedTuple):
    """The further fields that other aggregations need: numbers and texts by field code."""

    usage_id: str
    ts: datetime
    numbers: Mapping[str, Decimal]
    texts: Mapping[str, str]


class _Details(msgspec.Struct, rename="camel", frozen=True, gc=False):
    usage_id: str
    ts: datetime
    measure: dict[str, Decimal] | None = None
    who: dict[str, str] | None = None
    what: dict[str, str] | None = None
    where: dict[str, str] | None = None
    other: dict[str, str] | None = None
    metadata: dict[str, str] | None = None


class _DetailedRecord(msgspec.Struct, frozen=True, gc=False):
    data: _Details


_RECORDS = msgspec.json.Decoder(list[RatedRecord])
_RECORD = msgspec.json.Decoder(RatedRecord)
_DETAILS = msgspec.json.Decoder(_DetailedRecord)


def decode_rated(values: Sequence[bytes]) -> tuple[list[RatedRecord], list[int]]:
    """The records of these values, in order, and the indexes of invalid values; all values begin with PREFIX.

    A foreign value may hold two records, or half a record, so that the joined text has another number of records than
    there are values: then each value is decoded alone.
    """
    with suppress(*NOT_JSON):
        together = _RECORDS.decode(b"[" + b",".join(values) + b"]")
        if len(together) == len(values):
            return together, []
    records, strange = [], []
    for index, value in enumerate(values):
        try:
            records.append(_RECORD.decode(value))
        except NOT_JSON:
            strange.append(index)
    return records, strange


def details_of(value: bytes) -> Details:
    """The further fields of a usage record. Raises: UndecodableRecordError."""
    if not value.startswith(PREFIX):
        fact = _fact(decode(value))
        categories = (fact.who, fact.what, fact.where, fact.other, fact.metadata)
        return Details(fact.usage_id, fact.ts, fact.measure, joined(categories))
    try:
        data = _DETAILS.decode(value).data
    except NOT_JSON as error:
        raise UndecodableRecordError(f"not a record of the log: {error}") from error
    texts = joined((data.who, data.what, data.where, data.other, data.metadata))
    return Details(data.usage_id, data.ts, data.measure or {}, texts)


def rated_of(envelope: Envelope) -> RatedRecord:
    """A usage record in the form of `decode_rated`, from an envelope that was decoded alone."""
    fact = _fact(envelope)
    assert envelope.account is not None
    measure = {code: plain(number) for code, number in fact.measure.items()}
    data = RatedData(fact.meter_id, moment_text(fact.ts), fact.digest, measure)
    return RatedRecord(envelope.source, envelope.sequence, envelope.account, envelope.time, data)


def _fact(envelope: Envelope) -> UsageRated:
    assert isinstance(envelope.data, UsageRated)
    return envelope.data


def joined(categories: Iterable[Mapping[str, str] | None]) -> dict[str, str]:
    """The fields of several categories as one mapping; codes are unique within a meter, whatever their category."""
    return {code: text for category in categories if category for code, text in category.items()}


class Cell:
    """The additions since the last write: the state, and the first and last log offset that added to it.

    A plain sum uses only `number` and `count`; the number stays an int as long as only whole numbers were added.
    """

    __slots__ = ("count", "first", "last", "number", "state")

    def __init__(self, number: Decimal | int, state: DayState | None, offset: int) -> None:
        self.number = number
        self.count = 1
        self.state = state
        self.first = offset
        self.last = offset

    def day_state(self) -> DayState:
        """The additions, as a state that merges."""
        return DayState(Decimal(self.number), self.count) if self.state is None else self.state

    def add(self, function: AggregationFunction, value: DayState, offset: int) -> None:
        """Add the next record; the loop below has this inline."""
        if self.state is not None:
            self.state = merge(function, self.state, value)
        self.number, self.count, self.last = EXACT.add(value.number, self.number), self.count + 1, offset

    def leave_trace(self, zero: Decimal, first: int, last: int) -> None:
        """Keep the trace of invalid records: a sum's digits, and their offsets in the log."""
        self.number = EXACT.add(zero, self.number)
        if self.state is not None:
            self.state = self.state._replace(number=EXACT.add(self.state.number, zero))
        self.first, self.last = min(self.first, first), max(self.last, last)


class MeterPlan(NamedTuple):
    """The aggregations of one meter, with plain sums apart, because nearly all usage is summed."""

    sums: tuple[tuple[str, str], ...]
    others: tuple[MeterAggregation, ...]
    functions: Mapping[str, AggregationFunction]


def meter_plans(catalog: Resources, only: frozenset[str] | None = None) -> dict[str, MeterPlan]:
    """The plan of every meter that has an aggregation; with `only`, of these aggregations."""
    by_meter: dict[str, list[MeterAggregation]] = {}
    for entity in catalog.aggregations.values():
        if only is None or entity.id in only:
            by_meter.setdefault(entity.body.meter_id, []).append(meter_aggregation(entity.id, entity.body))
    plans = {}
    for meter_id, listed in by_meter.items():
        plain_sums = [
            aggregation for aggregation in listed if aggregation.function == "SUM" and not aggregation.segmented_fields
        ]
        plans[meter_id] = MeterPlan(
            tuple((aggregation.id, aggregation.field) for aggregation in plain_sums),
            tuple(aggregation for aggregation in listed if aggregation not in plain_sums),
            {aggregation.id: aggregation.function for aggregation in listed},
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
            # Only in a text that ends with Z does the hour's text mean an hour of UTC.
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
