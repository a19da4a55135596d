"""From positions to a checkpoint: the stretches of the log that an audit folds, and the checkpoint that proves them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from events.topics import CATALOG, EVENTS
from projections.readmodels.positions import Position
from services.apart.program import program_version
from services.audit.beginning import CheckpointRefused
from services.audit.checkpoint import Checkpoint, Seal, Segment, next_number, published_tokens
from services.audit.history import SCHEME, digest_between
from services.audit.partition_audit import PartitionProved, Stretch
from services.kafka import Cluster, LogReader
from services.store.generations import Generations


async def earlier_checkpoints(cluster: Cluster, seal: Seal, generations: Generations) -> list[Checkpoint]:
    """The checkpoints in the topic that were made of this log and these partitions. The store's name changes when a log
    is written anew, so checkpoints of an older log are left out; so are those whose digests are made by another method.
    """
    async with LogReader(cluster) as reader:
        published = seal.readable(await published_tokens(reader))
    same = (SCHEME, generations.commands, set(range(generations.partitions)))
    return [
        checkpoint
        for checkpoint in published
        if (checkpoint.scheme, checkpoint.store, set(checkpoint.by_partition())) == same
    ]


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """The stretches that an audit folds, from the checkpoint `begun`, or from the beginning. `refused`: why a wanted
    checkpoint was not used.

    For each of the `earlier` checkpoints, the bytes of the log that it covers are read and compared again.
    """

    stretches: Sequence[Stretch]
    begun: Checkpoint | None = None
    earlier: Sequence[Checkpoint] = ()
    refused: CheckpointRefused | None = None

    @property
    def events(self) -> int:
        """The number of offsets of the log and the catalog that the stretches cover."""
        catalog = max((stretch.end_catalog for stretch in self.stretches), default=0)
        return (
            sum(stretch.records for stretch in self.stretches)
            + catalog
            - (self.begun.catalog_offset if self.begun else 0)
        )


def plan_of(
    positions: Mapping[int, Position],
    begun: Checkpoint | None = None,
    *,
    earlier: Sequence[Checkpoint] = (),
    refused: CheckpointRefused | None = None,
) -> AuditPlan:
    """The plan for folding each partition up to these positions."""
    stretches = []
    for partition, position in sorted(positions.items()):
        segment = begun and begun.segment(partition)
        start, start_catalog = (segment.next_offset, segment.catalog_offset) if segment else (0, 0)
        ranges = [stretch.segment(partition).range for stretch in earlier]
        within = tuple(range for range in ranges if range[1] <= position.next_offset)
        stretches.append(
            Stretch(partition, start, start_catalog, position.next_offset, position.catalog_offset, within)
        )
    return AuditPlan(stretches, begun, earlier, refused)


def other_history(cluster: Cluster, earlier: Sequence[Checkpoint], proved: Sequence[PartitionProved]) -> str | None:
    """The first place where the log differs from what an earlier checkpoint covers; None if it is the same as far as it
    was read.
    """
    digests = {(part.partition, range): digest for part in proved for range, digest in part.digests}
    for checkpoint in earlier:
        for segment in checkpoint.segments:
            digest = digests.get((segment.partition, segment.range), segment.digest)
            if digest != segment.digest:
                where = (
                    f"{cluster.topic(EVENTS)}/{segment.partition} at offsets {segment.start} to {segment.next_offset}"
                )
                return f"{where} is not the log that checkpoint {checkpoint.number} was made over: history was changed"
    return None


async def checkpoint_of(
    connection: Any,
    cluster: Cluster,
    seal: Seal,
    generations: Generations,
    stretches: Sequence[Stretch],
    proved: Sequence[PartitionProved],
    state: str,
) -> Checkpoint:
    """The checkpoint of an audit that passed; `state` is the digest of the rows that it filled."""
    catalog_offset = max((stretch.end_catalog for stretch in stretches), default=0)
    async with LogReader(cluster) as reader:
        number = await next_number(connection, seal, reader)
        catalog_digest = await digest_between(reader, CATALOG, 0, 0, catalog_offset)
    return Checkpoint(
        number=number,
        scheme=SCHEME,
        made_at=datetime.now(UTC),
        program=program_version(),
        store=generations.commands,
        usage=generations.usage,
        catalog_offset=catalog_offset,
        catalog_digest=catalog_digest,
        segments=tuple(_segment(stretch, part) for stretch, part in zip(stretches, proved, strict=True)),
        state=state,
    )


def _segment(stretch: Stretch, proved: PartitionProved) -> Segment:
    return Segment(
        partition=stretch.partition,
        start=stretch.start,
        next_offset=stretch.end,
        catalog_offset=stretch.end_catalog,
        mark=proved.mark,
        digest=dict(proved.digests)[stretch.start, stretch.end],
    )
