"""The topic of signed heads. It is all that the notary remembers: whoever has the newest head of a partition goes on.

The heads of a partition stand in the partition of the same number. Those of one key are a series: each grows the tree
of the one before by one segment. What does not (one that was appended twice, or that somebody else put there) is passed
over, and so is a token that its key has not signed, whatever it says. Whoever knows the operator's key asks for the
heads of that one; without, the key that signed last is as good as any, and a stranger's may be the last.
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

#: So many records are looked at first to find the newest head: there is one for each quarter hour.
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
    """A head, and the token that says it."""

    token: str
    head: Head


async def signed_partitions(admin: KafkaAdmin) -> list[TopicPartition]:
    """All partitions whose records are signed."""
    counts = await admin.partition_counts([EVENTS, CATALOG])
    return [(topic, partition) for topic in sorted(counts) for partition in range(counts[topic])]


async def newest_head(reader: LogReader, topic_partition: TopicPartition, key: str) -> Head | None:
    """The newest head that was signed with this key, looked for backwards; None without any."""
    _, head = await _newest(reader, topic_partition, key)
    return head


async def _newest(reader: LogReader, topic_partition: TopicPartition, key: str) -> tuple[int, Head | None]:
    """The offset and the newest head of the key in `billing.tree-heads`; where that begins, and None, without any."""
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
    """The newest heads of this key, of fewer segments than `size`, up to `most`, newest first; none without any.

    They are read backwards: a page costs what it shows, however long the log was signed. `whose`: as of `all_heads`.
    """
    start, _ = await _ends(reader, topic_partition)
    offset, newest = await _newest(reader, topic_partition, key)
    heads: list[Published] = []
    if newest is None:
        return heads
    first = newest.size if size is None else min(size - 1, newest.size)
    wanted = range(first, max(first - most, 0), -1)
    # Between that one and the newest stands at least one record for each that comes between them.
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
    """Add of the tokens that stand before these heads those of the sizes that are wanted, which it goes on from."""
    for token in reversed(tokens):
        if len(heads) == len(wanted):
            return
        head, following = _read(token, topic_partition, key), heads[-1].head if heads else None
        if head is None or head.size != wanted[len(heads)]:
            continue
        if following is None or head.tree.grown(following.segment.segment) == following.tree:
            heads.append(Published(token, head))


def _read(token: str, topic_partition: TopicPartition, key: str) -> Head | None:
    """The head of a partition that a key has signed; None: it is another token."""
    try:
        head, _ = read_head(token, key)
    except (OtherKeyError, ForgedError, StrangeHeadError):
        return None
    return head if (head.topic, head.partition) == topic_partition else None


async def all_heads(
    reader: LogReader, topic_partition: TopicPartition, key: str | None = None, whose: str = ""
) -> list[Published]:
    """The heads that were signed with a key, else those of the key that signed last, by their size: 1, 2, ...

    To verify a year's signatures takes many seconds: that is done in a thread, in the turn of the organization `whose`.
    Raises: NoHeadsError, NoTurnError.
    """
    tokens = [token for _, token in await _tokens(reader, topic_partition, *await _ends(reader, topic_partition))]
    heads = await compute(whose, series_of, tokens, topic_partition, key)
    if not heads:
        raise NoHeadsError(topic_partition)
    return heads


def series_of(tokens: Iterable[str], topic_partition: TopicPartition, key: str | None = None) -> list[Published]:
    """The heads among these tokens that grow one tree, of a key, else of the key that signed last, by their size."""
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
    """Where the partition of `billing.tree-heads` with these heads begins and ends."""
    [start] = (await reader.beginning_offsets(TREE_HEADS, [topic_partition[1]])).values()
    [stop] = (await reader.end_offsets(TREE_HEADS, [topic_partition[1]])).values()
    return start, stop


async def _tokens(reader: LogReader, topic_partition: TopicPartition, start: int, stop: int) -> list[tuple[int, str]]:
    tokens: list[tuple[int, str]] = []
    async for records in reader.read(TREE_HEADS, topic_partition[1], start, stop):
        tokens += [(record.offset, (record.value or b"").decode(errors="replace")) for record in records]
    return tokens


def numbered(records: Iterable[FetchedRecord]) -> list[Numbered]:
    """Records as a cutter takes them.

    What `trueup restore` puts where the log had no record is none: with it, what was signed would not be found again.
    """
    return [(record.offset, record.value) for record in records if record.value or not _fills_a_gap(record)]


def _fills_a_gap(record: FetchedRecord) -> bool:
    return any(name == GAP_HEADER for name, _ in record.headers or ())
