"""From positions to a checkpoint: which stretches of the log an audit folds, and what it has proved by them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from events.topics import CATALOG, EVENTS
from projections.readmodels.positions import Position
from services.audit.beginning import CheckpointRefused
from services.audit.checkpoint import Checkpoint, Seal, Segment, next_number, program_version, published_tokens
from services.audit.history import SCHEME, digest_between
from services.audit.partition_audit import PartitionProved, Stretch
from services.kafka import Cluster, LogReader
from services.store.generations import Generations


async def earlier_checkpoints(cluster: Cluster, seal: Seal, generations: Generations) -> list[Checkpoint]:
    """All that were made of this log, as the topic has them; the store's name changes when a log is written anew.

    Only those whose digests are made as they are here: with others there is nothing to compare.
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
    """The stretches that an audit folds, from the checkpoint `begun`, or from the beginning, and why, if it was not to.

    Of `earlier` checkpoints the bytes of the log are read again that they were made over.
    """

    stretches: Sequence[Stretch]
    begun: Checkpoint | None = None
    earlier: Sequence[Checkpoint] = ()
    refused: CheckpointRefused | None = None

    @property
    def events(self) -> int:
        """How many offsets of the log and the catalog they cover."""
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
    """What is to be folded of each partition up to these positions."""
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
    """Where the log is not what an earlier checkpoint was made over; None: it is, as far as it was read."""
    digests = {(part.partition, range): digest for part in proved for range, digest in part.digests.items()}
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
    """What an audit that passed has proved; `state` is the digest of the rows that it filled."""
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
        digest=proved.digests[stretch.start, stretch.end],
    )
