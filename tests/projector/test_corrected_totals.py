"""The law of corrections: any usage, voids and amendments, in any writes, are the usage that stands, from scratch."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import example, given
from hypothesis import strategies as st

from events.codec import encode
from events.envelope import Envelope, event_id, seal
from events.facts.corrections import UsageAmended, UsageFields, UsageVoided
from events.facts.resources import AccountCreated
from events.facts.usage import UsageRated
from events.resources.catalog import AggregationFunction
from events.sources import Origins
from projections.aggregates import DayState, MeterAggregation
from projections.corrections import CorrectedFold, corrections_of
from projections.resources import Resources
from projections.usage import Cell, CellKey, MeterPlan, decode_rated, fold_usage
from services.kafka import FetchedRecord, LogReader
from services.projection.corrected_totals import Correcting, Ranges
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState, new_family

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = "a" * 36
FUNCTIONS: tuple[AggregationFunction, ...] = ("SUM", "MIN", "MAX", "COUNT", "LATEST", "MEAN", "UNIQUE")
#: Of each function one that is whole and one in segments; a count and distinct values of a text, too.
AGGREGATIONS = [
    *(MeterAggregation(f"{name}", name, "n", ()) for name in FUNCTIONS),
    *(MeterAggregation(f"{name} by who", name, "n", ("who",)) for name in FUNCTIONS),
    MeterAggregation("COUNT of who", "COUNT", "who", ()),
    MeterAggregation("UNIQUE of who", "UNIQUE", "who", ("n",)),
]
PLANS = {
    "m": MeterPlan(
        (("SUM", "n"),),
        tuple(one for one in AGGREGATIONS if one.id != "SUM"),
        {one.id: one.function for one in AGGREGATIONS},
    )
}
ORIGINS = Origins(frozenset({"g"}))

NUMBERS = st.sampled_from(["1", "1.0", "1.50", "2", "-1", "0", "3.25", "0.001", "100"])
FIELDS = st.builds(
    lambda number, who: UsageFields(
        measure={} if number is None else {"n": Decimal(number)}, who={} if who is None else {"who": who}
    ),
    st.none() | NUMBERS,
    st.none() | st.sampled_from(["x", "y"]),
)
#: A record: its fields, at which of six hours of two days, under which of two ids that may be the same in two sources.
USED = st.tuples(st.just("use"), FIELDS, st.integers(0, 5), st.sampled_from(["u", "v"]))
#: Void or amend whichever of the events stands there, counted round.
VOIDED = st.tuples(st.just("void"), st.integers(0, 30))
AMENDED = st.tuples(st.just("amend"), st.integers(0, 30), FIELDS)
STEPS = st.lists(st.one_of(USED, USED, VOIDED, AMENDED), min_size=1, max_size=25)


@dataclass(frozen=True)
class Written:
    offset: int
    value: bytes
    key: None = None
    timestamp: int = 0
    timestamp_type: int = 1
    headers: Any = ()


@dataclass
class Story:
    """A partition of the log, as these steps would write it. What is voided stays so."""

    records: list[Written] = field(default_factory=list)
    #: By offset, of usage and of corrections.
    envelopes: dict[int, Envelope] = field(default_factory=dict)
    stands: dict[int, UsageFields | None] = field(default_factory=dict)

    def play(self, steps: Sequence[tuple[Any, ...]]) -> "Story":
        for step in steps:
            match step:
                case ("use", fields, hours, usage_id):
                    self._use(fields, START + timedelta(hours=8 * hours), usage_id)
                case ("void", which):
                    self._correct(which, None)
                case ("amend", which, fields):
                    self._correct(which, fields)
        return self

    def _use(self, fields: UsageFields, ts: datetime, usage_id: str) -> None:
        more = {"usage_source": "s", "catalog_offset": 0, "digest": "0" * 32, **dict(fields)}
        self.stands[len(self.records)] = fields
        self._write("usage/g/0", UsageRated(usage_id=usage_id, meter_id="m", ts=ts, **more))

    def _correct(self, which: int, now: UsageFields | None) -> None:
        offsets = sorted(self.stands)
        was = self.stands[offset := offsets[which % len(offsets)]] if offsets else None
        if was is None:
            return
        envelope = self.envelopes[offset]
        event = envelope.data
        assert isinstance(event, UsageRated)
        told = {"event_id": event_id(envelope.source, envelope.sequence), "log_offset": offset, "was": was}
        told |= {name: getattr(event, name) for name in ("usage_id", "usage_source", "meter_id", "ts")}
        self.stands[offset] = now
        self._write("commands/g", UsageVoided(**told) if now is None else UsageAmended(**told, now=now))

    def _write(self, source: str, fact: Any) -> None:
        offset = len(self.records)
        envelope = seal(fact, source=source, sequence=offset, organization="o", account=ACCOUNT, time=START)
        self.envelopes[offset] = envelope
        self.records.append(Written(offset, encode(envelope)))

    async def read(
        self, topic: str, partition: int, start: int, end: int, **_: Any
    ) -> AsyncGenerator[list[FetchedRecord], None]:
        """As `LogReader` does, in pieces."""
        for at in range(start, end, 3):
            yield list(self.records[at : min(at + 3, end)])

    def usage(self, start: int, end: int) -> list[int]:
        return [offset for offset in range(start, min(end, len(self.records))) if offset in self.stands]

    def fold(self, into: Any, offsets: Sequence[int], *more: Any) -> None:
        usage, _ = decode_rated([self.records[offset].value for offset in offsets])
        into(offsets, usage, lambda offset: self.records[offset].value, *more)


#: As much as `FamilyState.add_to_total` asks of the organization's.
CATALOG = SimpleNamespace(
    aggregations={one.id: SimpleNamespace(body=SimpleNamespace(aggregation=one.function)) for one in AGGREGATIONS}
)


def family() -> tuple[FamilyState, FamilyCache]:
    body = {"code": "a", "name": "a", "emailAddress": "a@example.com"}
    fact = AccountCreated.model_validate(
        {"id": ACCOUNT, "version": 1, "body": body, "rootId": ACCOUNT, "partition": 0, "timezone": "UTC"}
    )
    state, cache = new_family("o", ACCOUNT, 0), FamilyCache()
    state.evolve(seal(fact, source="commands/g", sequence=0, organization="o", account=ACCOUNT, time=START))
    cache.add(state)
    return state, cache


Rows = dict[CellKey, tuple[str, DayState, tuple[int, int]]]


def lived(story: Story, cuts: Sequence[int]) -> tuple[FamilyState, Rows]:
    """Totals as a projector keeps them, poll by poll, each written; a poll ends before each of the cuts."""
    state, cache = family()
    rows = Rows()

    async def written(_: Any) -> Ranges:
        return {key: row[2] for key, row in rows.items()}

    ends = sorted({cut % (len(story.records) + 1) for cut in cuts} | {len(story.records)})
    for start, end in zip([0, *ends], ends, strict=False):
        corrections = [story.envelopes[at] for at in range(start, end) if at not in story.stands]
        for envelope in corrections:
            state.evolve(envelope)
        cells: dict[CellKey, Cell] = {}
        story.fold(
            lambda offsets, usage, value_at, cells=cells: fold_usage(
                cells, offsets, usage, value_at, PLANS, cache.zones
            ),
            story.usage(start, end),
        )
        for key, cell in cells.items():
            state.add_to_total(key, cell, cast(Resources, CATALOG))
        correcting = Correcting(cast(LogReader, story), written, 0, ORIGINS, PLANS, cache, frozenset())
        touched = asyncio.run(correcting.correct(corrections))
        assert touched | cells.keys() == state.offsets.keys()
        for key in list(state.offsets):
            put_row(rows, state, key)
    return state, rows


def put_row(rows: Rows, state: FamilyState, key: CellKey) -> None:
    """As the table's statement does: with how a number is written, too."""
    total, (first, last) = state.total(key), state.take_offsets(key)
    assert total is not None
    before = rows[key][2] if key in rows else (first, last)
    rows[key] = (str(total.number), total, (min(first, before[0]), max(last, before[1])))


def from_scratch(story: Story) -> Rows:
    """Rows as whoever derives totals anew has them."""
    state, cache = family()
    rows = Rows()
    corrections = corrections_of(one for at, one in story.envelopes.items() if at not in story.stands)
    fold = CorrectedFold(corrections, PLANS, cache.zones)
    for start in range(0, len(story.records), 4):
        story.fold(fold.fold, story.usage(start, start + 4))
    for key, cell in fold.cells().items():
        state.put_total(key, cell.day_state(), (cell.first, cell.last))
        put_row(rows, state, key)
    return rows


def standing(story: Story) -> FamilyState:
    """Totals of a log in which every event came as it now stands, and none that was voided came at all."""
    again = Story()
    for offset, fields in story.stands.items():
        event = story.envelopes[offset].data
        assert isinstance(event, UsageRated)
        if fields is not None:
            again._use(fields, event.ts, event.usage_id)
    return lived(again, [])[0]


def numbered(*numbers: str) -> list[tuple[Any, ...]]:
    return [("use", UsageFields(measure={"n": Decimal(number)}), 0, "u") for number in numbers]


@given(STEPS, st.lists(st.integers(0, 50), max_size=6))
@example([*numbered("1.25"), ("void", 0), *numbered("1")], [2])
@example([*numbered("2", "1"), ("amend", 0, UsageFields(measure={"n": Decimal("1.0")}))], [])
def test_totals_in_any_writes_are_those_of_the_usage_that_stands(steps: list[Any], cuts: list[int]) -> None:
    story = Story().play(steps)
    state, rows = lived(story, cuts)
    assert rows == lived(story, range(len(story.records)))[1] == from_scratch(story)
    assert state.totals == standing(story).totals
