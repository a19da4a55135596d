"""Signs the log as it grows: each partition's records in order, a head for every segment that they complete.

Nothing is remembered but what stands in the two topics, and nothing depends on when or how often this runs: segments
follow from the records alone, and one head has one text. So a kill at any line neither loses a head nor makes a second
one that says something else; what is appended twice is passed over by readers.
"""

from dataclasses import dataclass
from datetime import datetime

from events.topics import TREE_HEADS
from projections.proof.segments import Cutter, SegmentLeaves, Tree
from services.breaks import LogCutError, LogWentBackError
from services.kafka import BatchWriter, LogReader, Record
from services.proof.head import Head, TopicPartition, head_of, sign_head
from services.proof.heads_topic import OtherLogError, SignedBeyondError, newest_head, numbered
from services.signatures import Signer

#: Offsets that are read of a partition before it is another one's turn: about a second's work.
_AT_ONCE = 200_000


@dataclass(slots=True)
class _Growing:
    """A partition: its tree as far as it is signed, and the cutter of what follows."""

    tree: Tree
    cutter: Cutter
    #: The next offset to read.
    position: int
    #: The last quarter hour that is signed.
    tick: datetime | None


class Notary:
    """One run; thrown away at the first error."""

    def __init__(self, signer: Signer, reader: LogReader, writer: BatchWriter) -> None:
        self._signer, self._reader, self._writer = signer, reader, writer
        self._growing: dict[TopicPartition, _Growing] = {}

    async def begin(self, topic_partition: TopicPartition) -> None:
        """Go on from the newest head of a partition, else from its beginning.

        The last segment is read again: a key that was changed signs from the beginning, and a log that was changed is
        found where it matters. Raises: OtherLogError, LogCutError, SignedBeyondError.
        """
        head = await newest_head(self._reader, topic_partition, self._signer.key)
        tree = head.tree if head else Tree(*topic_partition)
        [beginning] = (await self._reader.beginning_offsets(topic_partition[0], [topic_partition[1]])).values()
        [end] = (await self._reader.end_offsets(topic_partition[0], [topic_partition[1]])).values()
        if beginning:
            raise LogCutError(self._reader.cluster, *topic_partition, beginning)
        if end < tree.end:
            raise SignedBeyondError(self._reader.cluster, topic_partition, end, tree.end)
        if head is not None:
            await self._check(topic_partition, head)
        self._growing[topic_partition] = _Growing(tree, Cutter(tree.end), tree.end, head.segment.tick if head else None)

    async def _check(self, topic_partition: TopicPartition, head: Head) -> None:
        cutter, said = Cutter(head.segment.start), head.segment.segment
        cuts: list[SegmentLeaves] = []
        async for records in self._reader.read(*topic_partition, said.start, said.end):
            cuts += cutter.take(numbered(records))
        if [cut.segment for cut in cuts] != [said]:
            raise OtherLogError(self._reader.cluster, head)

    async def step(self, topic_partition: TopicPartition) -> bool:
        """Sign what has come to a partition, or some of it; returns whether there is more."""
        growing = self._growing[topic_partition]
        [end] = (await self._reader.end_offsets(topic_partition[0], [topic_partition[1]])).values()
        if end < growing.position:
            raise LogWentBackError(self._reader.cluster, *topic_partition, end, growing.position)
        until = min(end, growing.position + _AT_ONCE)
        async for records in self._reader.read(*topic_partition, growing.position, until):
            await self._sign(topic_partition, growing, growing.cutter.take(numbered(records)))
        growing.position = until
        return until < end

    async def _sign(self, topic_partition: TopicPartition, growing: _Growing, cuts: list[SegmentLeaves]) -> None:
        tokens = []
        for cut in cuts:
            growing.tree = growing.tree.grown(cut.segment)
            growing.tick = cut.segment.tick or growing.tick
            tokens.append(sign_head(self._signer, head_of(growing.tree, cut.segment)))
        if tokens:
            await self._writer.append(
                TREE_HEADS, topic_partition[1], [Record(None, token.encode()) for token in tokens]
            )

    def oldest_tick(self) -> float | None:
        """Up to when all partitions are signed, in seconds since 1970; None: one has no quarter hour yet."""
        ticks = [growing.tick.timestamp() for growing in self._growing.values() if growing.tick is not None]
        return min(ticks) if ticks and len(ticks) == len(self._growing) else None
