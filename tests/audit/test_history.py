"""Digests of ranges of the log do not depend on polls, and differ with every byte and place."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from services.audit.history import SCHEME, RangeDigests


class Fetched(NamedTuple):
    """A record as a reader gives it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[()] = ()
    timestamp_type: int = 1


LOG = [
    Fetched(offset, 1_000 + offset, None if offset % 3 else b"key %d" % offset, None if offset == 4 else b"%d" % offset)
    for offset in range(20)
    if offset not in (7, 19)
]


def digests(log: Sequence[Fetched], ranges: Sequence[tuple[int, int]], cuts: Sequence[int] = ()) -> list[str | None]:
    history, edges = RangeDigests(ranges), [0, *sorted(cuts), len(log)]
    for start, end in pairwise(edges):
        history.take(log[start:end])
    history.reach(20)
    return [history.digest(*span) for span in ranges]


_offsets = st.integers(0, 20)
_ranges = st.lists(st.tuples(_offsets, _offsets).map(lambda pair: (min(pair), max(pair))), min_size=1, max_size=6)


@given(_ranges, st.lists(st.integers(0, len(LOG)), max_size=5))
def test_overlapping_ranges_in_any_polls_are_what_each_is_by_itself(
    ranges: list[tuple[int, int]], cuts: list[int]
) -> None:
    alone = [
        digests([record for record in LOG if start <= record.offset < end], [(start, end)])[0] for start, end in ranges
    ]
    assert digests(LOG, ranges, cuts) == alone and None not in alone


def test_a_range_that_was_not_read_to_its_end_has_none() -> None:
    history = RangeDigests([(0, 10)])
    history.take(LOG[:5])
    assert history.digest(0, 10) is None and history.digest(3, 3) is not None


def test_every_byte_and_every_place_counts() -> None:
    first = Fetched(3, 1_003, None, b"record 3")
    others = [
        first._replace(offset=7),
        first._replace(timestamp=1),
        first._replace(value=b"record 4"),
        first._replace(value=None),
        first._replace(key=b""),
        first._replace(key=b"record 3", value=b""),
        first._replace(key=b"record", value=b" 3"),
    ]
    found = {digests([record], [(0, 20)])[0] for record in (first, *others)}
    assert len(found) == 1 + len(others)
    two = [Fetched(0, 0, None, b"ab"), Fetched(1, 0, None, b"c")]
    other = [Fetched(0, 0, None, b"a"), Fetched(1, 0, None, b"bc")]
    assert digests(two, [(0, 20)]) != digests(other, [(0, 20)])


def test_a_digest_is_made_as_it_ever_was() -> None:
    """Checkpoints are for years: whoever makes digests in another way gives that way another `SCHEME`."""
    assert SCHEME == 1
    assert digests(LOG, [(0, 20)]) == ["aa0a93a015b90abe66c49c46cec617eacca93b3236f10ebd46b3991417ea07d9"]
