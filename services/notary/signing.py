"""Signs the log as it grows: reads each partition in order, and appends a signed head for every completed segment.

A segment is a run of records, usually up to a tick; a head is the root of the Merkle tree over all segments so far. All
state is in the log and in the topic of heads, and nothing depends on when or how often this runs: segments follow
from the records alone, and the same head always has the same text. So a kill at any point neither loses a head nor
causes one that says something else; readers skip a head that was appended twice.
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

#: Offsets to read of a partition before the next one's turn: about a second's work.
_AT_ONCE = 200_000


@dataclass(slots=True)
class _Growing:
    """The state of a partition: its tree as far as it is signed, and the cutter that finds the next segments."""

    tree: Tree
    cutter: Cutter
    #: The next offset to read.
    position: int
    #: The last tick that is signed.
    tick: datetime | None


class Notary:
    """Signs partitions. It is good for one run: after an error, make a new one."""

    def __init__(self, signer: Signer, reader: LogReader, writer: BatchWriter) -> None:
        self._signer, self._reader, self._writer = signer, reader, writer
        self._growing: dict[TopicPartition, _Growing] = {}

    async def begin(self, topic_partition: TopicPartition) -> None:
        """Prepare to go on after the newest head that our key has signed of a partition, else from its beginning.

        So a new key signs the partition from its beginning. The segment of the newest head is read again and compared.
        Raises: OtherLogError if it is not as it was signed; LogCutError if the partition's first records are gone;
        SignedBeyondError if the partition is shorter than what was signed.
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
        """Read and sign what came to a partition since the last step, up to a limit; returns whether there is more.

        Raises: LogWentBackError.
        """
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
        """The oldest of all partitions' last signed ticks, in seconds since 1970; None if a partition has none yet."""
        ticks = [growing.tick.timestamp() for growing in self._growing.values() if growing.tick is not None]
        return min(ticks) if ticks and len(ticks) == len(self._growing) else None
