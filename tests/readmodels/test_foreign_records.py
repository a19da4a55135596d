"""Records to rows of `foreign_records`: where each stranger's record stands, and why it is one (decision 28)."""

from types import SimpleNamespace
from typing import cast

from events.sources import Origins
from events.topics import EVENTS
from projections.readmodels.foreign_records import ForeignRow
from projections.readmodels.positions import Position
from projections.usage import PREFIX
from services.kafka import FetchedRecord, Polled
from services.projection.fold import apply_facts
from services.projection.taking import Decoded, take
from services.projection.unwritten import new_partition
from services.readside.family_cache import FamilyCache


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
