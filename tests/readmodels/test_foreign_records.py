"""Records to rows of `foreign_records`: where each stranger's record stands, and why it is one (decision 28)."""

from types import SimpleNamespace
from typing import cast

import pytest

from events.codec import ForeignRecordError, UndecodableRecordError, decode, decode_own
from events.sources import Origins
from events.topics import EVENTS
from projections.readmodels.foreign_records import ForeignRow
from projections.readmodels.positions import Position
from projections.usage import PREFIX, decode_rated
from services.continuity.check import numbered
from services.doctor.clocks import _tick_of
from services.ingest import totals
from services.ingest.partition import second_writer
from services.kafka import FetchedRecord, Polled
from services.projection.fold import apply_facts
from services.projection.taking import Decoded, take
from services.projection.unwritten import new_partition
from services.proof.selecting import OfCatalog
from services.readside.family_cache import FamilyCache
from services.rebuild.scan import Scan
from tests.proof.signed_log import signed_log


def test_what_is_no_fact_of_ours_is_noted_at_its_place_and_changes_nothing_else() -> None:
    state = new_partition(Position(3), {})
    apply_facts(state, Decoded(foreign=[(42, "no JSON"), (44, "another generation")]), FamilyCache())
    assert state.unwritten.foreign == [
        ForeignRow(EVENTS, 3, 42, "no JSON"),
        ForeignRow(EVENTS, 3, 44, "another generation"),
    ]
    assert not state.unwritten.facts


def usage(source: str, sequence: int) -> bytes:
    data = b'{"meterId":"m","ts":"2026-01-01T00:00:00Z","digest":"d"}'
    ours = f'"source":"{source}","sequence":{sequence},"account":"a","time":"2026-01-01T00:00:00Z","data":'
    return PREFIX + ours.encode() + data + b"}"


def record(offset: int, value: bytes | None) -> FetchedRecord:
    return cast(FetchedRecord, SimpleNamespace(offset=offset, timestamp=0, key=None, value=value, headers=[]))


def test_usage_keeps_its_offset_whatever_stands_beside_it() -> None:
    values = [b"{}", usage("usage/g/0", 1), PREFIX + b"broken", usage("usage/g/0", 2), None, usage("usage/x/0", 3)]
    values += [usage("usage/g/0", 2), PREFIX, usage("usage/g/0", 3)]
    polled = Polled([record(10 * place, value) for place, value in enumerate(values)], 90)
    taken = take(Position(0), polled, Origins(frozenset({"g"})))
    assert [(offset, one.sequence) for offset, one in zip(taken.offsets, taken.usage, strict=True)] == [
        (10, 1),
        (30, 2),
        (80, 3),
    ]
    assert sorted(offset for offset, _ in taken.foreign) == [0, 20, 40, 50, 70]
    assert taken.value_at(30) == values[3]


OURS = Origins(frozenset({"0f3a"}))
#: What no program of ours wrote, and each of them may read.
STRANGE = {
    "nesting": b"[" * 100_000,
    "nesting in an object": b'{"data":' * 100_000,
    "nesting in a member that nobody reads": b'{"zz":' + b"[" * 100_000,
    "nesting in what begins as usage does": PREFIX + b"[" * 100_000,
    "no UTF-8": b'{"source":"\xff","sequence":1}',
    "a source that has no bytes": b'{"source":"usage/0f3a/\\ud800","sequence":1,"id":"of it"}',
    "a number of many digits": b'{"source":"s","sequence":' + b"9" * 5_000 + b"}",
}


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE.keys())
def test_no_record_of_a_stranger_stops_who_reads_it(value: bytes) -> None:
    record = cast(FetchedRecord, SimpleNamespace(offset=0, timestamp=0, key=None, value=value, headers=[]))
    with pytest.raises(ForeignRecordError):
        decode_own(value, OURS)
    with pytest.raises(UndecodableRecordError):
        decode(value)
    assert decode_rated([value]) == ([], [0])
    assert numbered(record, OURS) is None
    assert second_writer(frozenset({"usage/0f3a/0"}), record, EVENTS) is None
    assert Scan().take((EVENTS, 0), [record]) == []
    assert OfCatalog(OURS, "org", signed_log().bill).why_not(0, value) == "is no record of this system"
    with pytest.raises(ForeignRecordError):
        totals.decode_rated(value, OURS)


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE.keys())
def test_what_only_names_a_tick_tells_doctor_no_time(value: bytes) -> None:
    assert _tick_of(cast(FetchedRecord, SimpleNamespace(value=b'{"type":"ClockTicked",' + value))) is None
