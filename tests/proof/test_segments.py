"""The log is cut by what stands in it: however it is read, and from wherever it is begun, the trees are the same."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codec import encode
from events.envelope import seal
from events.facts.clock import ClockTicked
from projections.proof import segments
from projections.proof.merkle import root_of
from projections.proof.segments import Cutter, SegmentLeaves, Tree, record_leaf, tick_of

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def tick(number: int, organization: str = "") -> bytes:
    now = NEW_YEAR + number * timedelta(minutes=15)
    return encode(seal(ClockTicked(now=now), source="clock/g", sequence=number, organization=organization, time=now))


#: Three quarter hours, and a record of the fourth.
LOG = tuple(enumerate([b"a", b"b", tick(1), b"c", tick(2), None, tick(2, "sandbox"), tick(3), b"d"]))


def cut(records: tuple[tuple[int, bytes | None], ...], start: int = 0, at_once: int = 100) -> list[SegmentLeaves]:
    cutter = Cutter(start)
    return [closed for at in range(0, len(records), at_once) for closed in cutter.take(records[at : at + at_once])]


def tree_of(cuts: list[SegmentLeaves], tree: Tree | None = None) -> Tree:
    tree = tree or Tree("t", 0)
    for segment in cuts:
        tree = tree.grown(segment.segment)
    return tree


def test_a_quarter_hour_ends_a_segment_and_a_test_clock_does_not() -> None:
    cut_segments = [closed.segment for closed in cut(LOG)]
    assert [(segment.start, segment.end, segment.records) for segment in cut_segments] == [
        (0, 3, 3),
        (3, 5, 2),
        (5, 8, 3),
    ]
    assert [segment.tick for segment in cut_segments] == [
        NEW_YEAR + number * timedelta(minutes=15) for number in (1, 2, 3)
    ]
    assert cut_segments[1]._replace(tick=None).leaf("t", 0) != cut_segments[1].leaf("t", 0)
    assert cut_segments[1].root == root_of([record_leaf(3, b"c"), record_leaf(4, tick(2))])


def test_one_that_is_full_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MOST", 2)
    cut_segments = [closed.segment for closed in cut(LOG)]
    assert [(segment.start, segment.end) for segment in cut_segments] == [(0, 2), (2, 3), (3, 5), (5, 7), (7, 8)]
    assert [segment.tick is None for segment in cut_segments] == [True, False, False, True, False]


@given(st.integers(1, 10), st.integers(0, 3))
def test_whoever_goes_on_from_any_segment_gets_the_same_tree(at_once: int, resumed: int) -> None:
    whole = tree_of(cut(LOG))
    first = tree_of(cut(LOG, at_once=at_once)[:resumed])
    rest = cut(LOG[first.end :], first.end, at_once)
    assert tree_of(rest, first) == whole and whole.size == 3 and whole.end == 8


@given(st.data())
def test_another_byte_record_order_or_place_is_another_root(data: st.DataObject) -> None:
    root = tree_of(cut(LOG)).root
    values = [value for _, value in LOG]
    index = data.draw(st.integers(0, 7), label="place")
    value = values[index] or b""
    byte = data.draw(st.integers(0, max(len(value) - 1, 0)), label="byte")
    changed = value[:byte] + bytes([value[byte] ^ 1]) + value[byte + 1 :] if value else b"x"
    for other in (
        [*values[:index], changed, *values[index + 1 :]],
        [*values[:index], b"inserted", *values[index:]],
        [*values[:index], *values[index + 1 :]],
        [*values[:index], values[index + 1], values[index], *values[index + 2 :]],
    ):
        assert tree_of(cut(tuple(enumerate(other)))).root != root
    shifted = tuple((offset + 1, value) for offset, value in LOG)
    assert tree_of(cut(shifted, 1)).root != root
    assert tree_of(cut(LOG), Tree("t", 1)).root != root != tree_of(cut(LOG), Tree("u", 0)).root


@pytest.mark.parametrize(
    "value",
    [
        b'{"type":"ClockTicked",',
        b'{"type":"ClockTicked","organization":""}',
        b'{"type":"ClockTicked","organization":"","data":[]}',
        b'{"type":"ClockTicked","organization":"","data":{"now":"soon"}}',
        b'{"type":"ClockTicked","organization":"","data":{"now":5}}',
        b"\xff",
    ],
)
def test_what_only_looks_like_a_tick_is_a_record_like_any_other(value: bytes) -> None:
    assert tick_of(value) is None


@pytest.mark.parametrize(
    "now",
    [
        "2026-01-01T00:15:00",
        "0001-01-01T00:00:00",  # of which no seconds since 1970 can be told
        "0001-01-01T00:00:00+14:00",  # which has no time in UTC
        "9999-12-31T23:45:00-12:00",
        "2026-01-01T00:15:00+00:00:30",  # which JSON does not give back
        "2026-01-01T01:15:00+01:00",
        "2026-01-01",
    ],
)
def test_a_tick_that_no_clock_of_ours_writes_ends_nothing(now: str) -> None:
    value = f'{{"type":"ClockTicked","organization":"","data":{{"now":"{now}"}}}}'.encode()
    assert tick_of(value) is None
