"""What is rated after a correction is rated as if its event had come as it stands now."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codec import decode, encode
from events.envelope import Envelope, event_id, seal
from events.facts.corrections import UsageAmended, UsageCorrection, UsageFields, UsageVoided
from events.facts.usage import UsageRated
from services.kafka import FetchedRecord
from tests.ingest.bench import Bench, a_record
from tests.ingest.world import NOW, World

WORLD = World("org", 1, accounts=1)


class Corrected(Bench):
    """A partition whose events are corrected, and what stands of each."""

    def __init__(self) -> None:
        super().__init__(WORLD)
        self.log: dict[str, Envelope] = {}
        self.stands: dict[str, UsageFields] = {}

    def send(self, sent: Mapping[str, int]) -> list[UsageRated]:
        """Events by id, with their tokens."""
        outcome = self.take(*(WORLD.usage(id, tokens=tokens) for id, tokens in sent.items()))
        found = [decode(record.value or b"") for record in outcome.records]
        rated = list[UsageRated]()
        for envelope in found:
            if isinstance(envelope.data, UsageRated):
                self.log[envelope.data.usage_id] = envelope
                self.stands[envelope.data.usage_id] = UsageFields(measure=envelope.data.measure)
                rated.append(envelope.data)
        return rated

    def correction(self, id: str, tokens: int | None) -> FetchedRecord:
        """The record of a fact that voids the event, or has it say so many tokens."""
        envelope = self.log[id]
        rated = envelope.data
        assert isinstance(rated, UsageRated)
        told: dict[str, Any] = {
            **{"event_id": event_id(envelope.source, envelope.sequence), "log_offset": 0, "usage_id": id},
            **{"usage_source": rated.usage_source, "meter_id": rated.meter_id, "ts": rated.ts, "was": self.stands[id]},
        }
        fact: UsageCorrection = UsageVoided(**told)
        if tokens is not None:
            self.stands[id] = UsageFields.model_validate({"measure": {"tokens": str(tokens)}})
            fact = UsageAmended(**told, now=self.stands[id])
        self.sequence += 1
        by = {"organization": "org", "account": envelope.account, "time": NOW}
        return a_record(encode(seal(fact, source="commands/x", sequence=self.sequence, **by)), 0)  # type: ignore[arg-type]


def next_charges(bench: Corrected) -> list[str]:
    """What 150 tokens more cost, which crosses a tier where less than 100 were counted before."""
    [last] = bench.send({"last": 150})
    return [str(charge.amount) for charge in last.charges]


async def gap(*records: FetchedRecord) -> AsyncIterator[list[FetchedRecord]]:
    yield list(records)


@pytest.mark.parametrize("live", [True, False], ids=["in a gap of what it appends", "as it begins"])
def test_a_correction_is_heeded_from_then_on_once(live: bool) -> None:
    bench, other = Corrected(), Corrected()
    bench.send({"a": 60, "b": 90})
    other.send({"a": 60})
    assert bench.state.totals is not None
    voided = bench.correction("b", None)
    for _ in range(2):  # the relay may write it twice
        if live:
            assert asyncio.run(bench.state.second_writer(gap(voided), "log", bench.catalogs)) is None  # type: ignore[arg-type]
        else:
            bench.state.fold([voided], bench.catalogs)
    assert next_charges(bench) == next_charges(other)


TOKENS = st.integers(0, 120)


@given(st.dictionaries(st.sampled_from("abcd"), TOKENS, min_size=1), st.data())
def test_what_is_rated_next_is_rated_by_what_stands(sent: dict[str, int], data: st.DataObject) -> None:
    bench, other = Corrected(), Corrected()
    bench.send(sent)
    stands: dict[str, int | None] = dict(sent)
    for id in data.draw(st.lists(st.sampled_from(sorted(sent)), max_size=6), "are corrected"):
        if stands[id] is not None:
            stands[id] = data.draw(st.none() | TOKENS)
            bench.state.fold([bench.correction(id, stands[id])], bench.catalogs)
    if left := {id: tokens for id, tokens in stands.items() if tokens is not None}:
        other.send(left)
    assert next_charges(bench) == next_charges(other)


def test_a_newer_programs_correction_and_a_strangers_stop_nothing() -> None:
    bench = Corrected()
    bench.send({"a": 60})
    voided = bench.correction("a", None).value or b""
    for wrong in (
        voided.replace(b'"schema":1', b'"schema":9'),
        voided.replace(b"commands/x", b"commands/?"),
        b'{"type":"UsageVoided"',
    ):
        bench.state.fold([a_record(wrong, 0)], bench.catalogs)
    assert next_charges(bench) == next_charges_after({"a": 60})


def next_charges_after(sent: dict[str, int]) -> list[str]:
    bench = Corrected()
    bench.send(sent)
    return next_charges(bench)
