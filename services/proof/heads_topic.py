"""Reads the topic of signed heads. It is all of the notary's state: whoever has the newest head can go on signing.

The heads of a partition are in the partition of the same number. Those of one key are a series: each grows the tree of
the one before it by one segment. A head that does not is skipped: it was appended twice, or somebody else put it there.
So is a token with a wrong signature. Whoever knows the operator's key should ask for that key's heads. Otherwise the
key that signed last is used, and that may be anybody's who can write to the topic.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from events.topics import CATALOG, EVENTS, GAP_HEADER, TREE_HEADS
from projections.proof.segments import Tree
from services.breaks import BreakError
from services.concurrency import compute
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster, FetchedRecord, KafkaAdmin, LogReader
from services.proof.checking import Numbered
from services.proof.head import Head, StrangeHeadError, TopicPartition, read_head
from services.signatures import ForgedError, OtherKeyError

#: How many of the last records are searched first for the newest head; the notary appends one each quarter hour.
_FIRST_LOOK = 50


class NoHeadsError(Worded, ExpectedFailure):
    """nothing is signed of {topic}/{partition} yet with the key that is asked for, the operator's where it is known:
    let `trueup notary` run until the quarter hour is over
    """

    def __init__(self, topic_partition: TopicPartition) -> None:
        super().__init__(topic=topic_partition[0], partition=topic_partition[1])


class OtherLogError(Worded, ExpectedFailure):
    """{topic}/{partition} at offsets {start} to {end} is not what checkpoint {size} was signed over: the log was
    changed, made anew, or restored from before it was signed. Find out which; unless somebody has changed it, {mend}
    """

    def __init__(self, cluster: Cluster, head: Head) -> None:
        super().__init__(
            topic=cluster.topic(head.topic),
            partition=head.partition,
            start=head.segment.start,
            end=head.segment.end,
            size=head.size,
            mend=_mend(cluster),
        )


class SignedBeyondError(BreakError):
    """{topic}/{partition} ends at offset {end}, but is signed up to offset {signed}: it was restored from before it was
    signed, truncated, or made anew. Restore what is newer, or, where there is nothing newer, {mend}
    """

    def __init__(self, cluster: Cluster, topic_partition: TopicPartition, end: int, signed: int) -> None:
        topic, partition = topic_partition
        super().__init__(topic=cluster.topic(topic), partition=partition, end=end, signed=signed, mend=_mend(cluster))


def _mend(cluster: Cluster) -> str:
    return (
        f"keep a copy of {cluster.topic(TREE_HEADS)}, delete it and run `trueup migrate`, which makes it anew:"
        " the notary then signs the log as it stands, from its beginning"
    )


class Published(NamedTuple):
    """A head, and the token that it was read from."""

    token: str
    head: Head


async def signed_partitions(admin: KafkaAdmin) -> list[TopicPartition]:
    """All partitions whose records get signed: those of `billing.events` and `billing.catalog`."""
    counts = await admin.partition_counts([EVENTS, CATALOG])
    return [(topic, partition) for topic in sorted(counts) for partition in range(counts[topic])]


async def newest_head(reader: LogReader, topic_partition: TopicPartition, key: str) -> Head | None:
    """The newest head of a partition that this key has signed; None if there is none. `key`: its thumbprint."""
    _, head = await _newest(reader, topic_partition, key)
    return head


async def _newest(reader: LogReader, topic_partition: TopicPartition, key: str) -> tuple[int, Head | None]:
    """The newest head of the key, and its offset in `billing.tree-heads`, searched backwards. If there is none: the
    offset at which that partition begins, and None.
    """
    start, stop = await _ends(reader, topic_partition)
    length = _FIRST_LOOK
    while stop > start:
        for offset, token in reversed(await _tokens(reader, topic_partition, max(start, stop - length), stop)):
            if (head := _read(token, topic_partition, key)) is not None:
                return offset, head
        stop, length = max(start, stop - length), length * 2
    return start, None


async def heads_before(
    reader: LogReader, topic_partition: TopicPartition, key: str, size: int | None, most: int, whose: str
) -> list[Published]:
    """Up to `most` heads of this key, newest first, beginning with the one before `size`, or with the newest.

    They are read backwards, so a page costs the same however long the log has been signed. `whose`: as for `all_heads`.
    """
    start, _ = await _ends(reader, topic_partition)
    offset, newest = await _newest(reader, topic_partition, key)
    heads: list[Published] = []
    if newest is None:
        return heads
    first = newest.size if size is None else min(size - 1, newest.size)
    wanted = range(first, max(first - most, 0), -1)
    # Each size between the first wanted head and the newest has at least one record, so the first one is before these.
    stop = offset + 1 - (newest.size - first)
    while stop > start and len(heads) < len(wanted):
        begin = max(start, stop - most)
        tokens = [token for _, token in await _tokens(reader, topic_partition, begin, stop)]
        await compute(whose, _go_back, heads, tokens, topic_partition, key, wanted)
        stop = begin
    return heads


def _go_back(
    heads: list[Published], tokens: Sequence[str], topic_partition: TopicPartition, key: str, wanted: Sequence[int]
) -> None:
    """Append to `heads` those of the tokens that have the next wanted sizes, and whose tree grows into the head before.

    `tokens`: those just before the last of `heads` in the topic, in order.
    """
    for token in reversed(tokens):
        if len(heads) == len(wanted):
            return
        head, following = _read(token, topic_partition, key), heads[-1].head if heads else None
        if head is None or head.size != wanted[len(heads)]:
            continue
        if following is None or head.tree.grown(following.segment.segment) == following.tree:
            heads.append(Published(token, head))


def _read(token: str, topic_partition: TopicPartition, key: str) -> Head | None:
    """The head in a token, if this key signed it for this partition; else None."""
    try:
        head, _ = read_head(token, key)
    except (OtherKeyError, ForgedError, StrangeHeadError):
        return None
    return head if (head.topic, head.partition) == topic_partition else None


async def all_heads(
    reader: LogReader, topic_partition: TopicPartition, key: str | None = None, whose: str = ""
) -> list[Published]:
    """All heads of a partition that a key has signed, by size: 1, 2, ... `key`: its thumbprint; None: the key that
    signed last.

    Verifying the signatures of a year takes many seconds, so it is done in a thread, when it is the turn of the
    organization `whose`. Raises: NoHeadsError; NoTurnError.
    """
    tokens = [token for _, token in await _tokens(reader, topic_partition, *await _ends(reader, topic_partition))]
    heads = await compute(whose, series_of, tokens, topic_partition, key)
    if not heads:
        raise NoHeadsError(topic_partition)
    return heads


def series_of(tokens: Iterable[str], topic_partition: TopicPartition, key: str | None = None) -> list[Published]:
    """The heads in these tokens that form the series of a key, by size. `key`: its thumbprint; None: the key that
    signed last. All other tokens are skipped.
    """
    series: dict[str, list[Published]] = {}
    trees: dict[str, Tree] = {}
    last = key
    for token in tokens:
        try:
            head, signed_by = read_head(token, key)
        except (OtherKeyError, ForgedError, StrangeHeadError):
            continue
        tree = trees.get(signed_by) or Tree(*topic_partition)
        if (head.topic, head.partition) == topic_partition and tree.grown(head.segment.segment) == head.tree:
            trees[signed_by] = head.tree
            series.setdefault(signed_by, []).append(Published(token, head))
            last = key or signed_by
    return series.get(last or "", [])


async def _ends(reader: LogReader, topic_partition: TopicPartition) -> tuple[int, int]:
    """The beginning and end offsets of the partition of `billing.tree-heads` that has the heads of this partition."""
    [start] = (await reader.beginning_offsets(TREE_HEADS, [topic_partition[1]])).values()
    [stop] = (await reader.end_offsets(TREE_HEADS, [topic_partition[1]])).values()
    return start, stop


async def _tokens(reader: LogReader, topic_partition: TopicPartition, start: int, stop: int) -> list[tuple[int, str]]:
    tokens: list[tuple[int, str]] = []
    async for records in reader.read(TREE_HEADS, topic_partition[1], start, stop):
        tokens += [(record.offset, (record.value or b"").decode(errors="replace")) for record in records]
    return tokens


def numbered(records: Iterable[FetchedRecord]) -> list[Numbered]:
    """Offsets and values of records, for a Cutter.

    Fillers that `trueup restore` writes where the log had no record are left out: they were not there when the log was
    signed.
    """
    return [(record.offset, record.value) for record in records if record.value or not _fills_a_gap(record)]


def _fills_a_gap(record: FetchedRecord) -> bool:
    return any(name == GAP_HEADER for name, _ in record.headers or ())
