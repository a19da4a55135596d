"""The topic of signed heads. It is all that the notary remembers: whoever has the newest head of a partition goes on.

The heads of a partition stand in the partition of the same number. Those of one key are a series: each grows the tree
of the one before by one segment. What does not (one that was appended twice, or that somebody else put there) is passed
over, and so is a token that its key has not signed, whatever it says. Whoever knows the operator's key asks for the
heads of that one; without, the key that signed last is as good as any, and a stranger's may be the last.
"""

from collections.abc import Iterable
from typing import NamedTuple

from events.topics import CATALOG, EVENTS, TREE_HEADS
from projections.proof.segments import Tree
from services.concurrency import compute
from services.failures import ExpectedFailure, Worded
from services.kafka import KafkaAdmin, LogReader
from services.proof.head import Head, Place, StrangeHeadError, read_head
from services.signatures import ForgedError, OtherKeyError

#: So many records are looked at first to find the newest head: there is one for each quarter hour.
_FIRST_LOOK = 50


class NoHeadsError(Worded, ExpectedFailure):
    """nothing is signed of {topic}/{partition}{by} yet: let `trueup notary` run until the quarter hour is over"""

    def __init__(self, place: Place, key: str | None = None) -> None:
        super().__init__(topic=place[0], partition=place[1], by=f" with key {key}" if key else "")


class Published(NamedTuple):
    """A head, and the token that says it."""

    token: str
    head: Head


async def places(admin: KafkaAdmin) -> list[Place]:
    """All partitions whose records are signed."""
    counts = await admin.partition_counts([EVENTS, CATALOG])
    return [(topic, partition) for topic in sorted(counts) for partition in range(counts[topic])]


async def newest_head(reader: LogReader, place: Place, key: str) -> Head | None:
    """The newest head that was signed with this key, looked for backwards; None without any."""
    [start] = (await reader.beginning_offsets(TREE_HEADS, [place[1]])).values()
    [stop] = (await reader.end_offsets(TREE_HEADS, [place[1]])).values()
    length = _FIRST_LOOK
    while stop > start:
        tokens = await _tokens(reader, place, max(start, stop - length), stop)
        for token in reversed(tokens):
            try:
                head, _ = read_head(token, key)
            except (OtherKeyError, ForgedError, StrangeHeadError):
                continue
            if (head.topic, head.partition) == place:
                return head
        stop, length = max(start, stop - length), length * 2
    return None


async def all_heads(reader: LogReader, place: Place, key: str | None = None, whose: str = "") -> list[Published]:
    """The heads that were signed with a key, else those of the key that signed last, by their size: 1, 2, ...

    To verify a year's signatures takes many seconds: that is done in a thread, in the turn of the organization `whose`.
    Raises: NoHeadsError, NoTurnError.
    """
    [start] = (await reader.beginning_offsets(TREE_HEADS, [place[1]])).values()
    [stop] = (await reader.end_offsets(TREE_HEADS, [place[1]])).values()
    tokens = await _tokens(reader, place, start, stop)
    found = await compute(whose, series_of, tokens, place, key)
    if not found:
        raise NoHeadsError(place, key)
    return found


def series_of(tokens: Iterable[str], place: Place, key: str | None = None) -> list[Published]:
    """The same of these tokens."""
    series: dict[str, list[Published]] = {}
    trees: dict[str, Tree] = {}
    last = key
    for token in tokens:
        try:
            head, signed_by = read_head(token, key)
        except (OtherKeyError, ForgedError, StrangeHeadError):
            continue
        tree = trees.get(signed_by) or Tree(*place)
        if (head.topic, head.partition) == place and tree.grown(head.segment.segment) == head.tree:
            trees[signed_by] = head.tree
            series.setdefault(signed_by, []).append(Published(token, head))
            last = key or signed_by
    return series.get(last or "", [])


async def _tokens(reader: LogReader, place: Place, start: int, stop: int) -> list[str]:
    found: list[str] = []
    async for records in reader.read(TREE_HEADS, place[1], start, stop):
        found += [(record.value or b"").decode(errors="replace") for record in records]
    return found
