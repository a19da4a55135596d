"""An archive back into Kafka: into topics that are missing or empty, and partitions that have lost all they had.

The log gets the offsets back that it had, for its facts name them: a bill says up to where it was settled. Where
a stranger's transaction had ended, an empty record takes the offset. The records of `usage` move together: it has
forgotten its beginning, and nobody but the log says how far it was read, by source, sequence and the last record's
mark, which is looked for in it (`services/migrate/new_usage.py`).

Every record bears the time that it bore. What is there already, of a run that was killed, is compared and gone on from.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from events.topics import HEADER_PREFIX, TOPICS, USAGE
from services.archive.errors import NotEmptyError, PartitionsDifferError, StampedError
from services.archive.manifest import Manifest, Piece
from services.archive.pieces import Kept, read_piece, records_of
from services.archive.place import Place
from services.archive.reading import load_all
from services.kafka import BatchWriter, Cluster, FetchedRecord, KafkaAdmin, LogReader, Record, digest_of
from services.migrate.topics import let_writers_stamp

#: Of a record that takes the offset of the end of a transaction, which nothing but its place tells from a stranger's.
GAP_HEADER = f"{HEADER_PREFIX}gap"
_USAGE_MS = int(next(topic.config["retention.ms"] for topic in TOPICS if topic.name == USAGE))


class Restored(NamedTuple):
    """What was done about a partition: records that were written, and offsets of ends of transactions among them."""

    topic: str
    partition: int
    written: int
    gaps: int


class _Stretch(NamedTuple):
    """A piece, and the offsets `[start, end)` that its records get."""

    piece: Piece
    start: int
    end: int


async def restore(cluster: Cluster, place: Place, record_bytes: int) -> list[Restored]:
    """Bring back what the topics lack. Nobody else may write to them meanwhile. A second run changes nothing.

    Raises: NoArchiveError, BrokenArchiveError, PartitionsDifferError, NotEmptyError, StampedError, TopicRefusedError;
    PlaceAwayError, KafkaUnreachableError, after which it can be run again.
    """
    manifests = await asyncio.to_thread(load_all, place)
    wanted = {topic: len(of_topic) for topic, of_topic in manifests.items()}
    async with KafkaAdmin(cluster) as admin:
        for topic, found in (await admin.partition_counts(wanted)).items():
            if found != wanted[topic]:
                raise PartitionsDifferError(topic=cluster.topic(topic), found=found, wanted=wanted[topic])
    await let_writers_stamp(cluster, wanted, record_bytes, may=True)
    async with LogReader(cluster) as reader, BatchWriter(cluster) as writer:
        run = _Restore(cluster, place, reader, writer, _oldest_usage(manifests[USAGE]))
        done = [await run.restore(one) for of_topic in manifests.values() for one in of_topic]
    await let_writers_stamp(cluster, wanted, record_bytes, may=False)
    return done


def _oldest_usage(manifests: Sequence[Manifest]) -> int:
    """Older usage than this, in ms, is not restored: `usage` would forget it, and the log has what became of it."""
    return max((one.pieces[-1].last_ms for one in manifests if one.pieces), default=0) - _USAGE_MS


class _Restore:
    """One run, over topics that let their writers say when."""

    def __init__(
        self, cluster: Cluster, place: Place, reader: LogReader, writer: BatchWriter, oldest_usage: int
    ) -> None:
        self._cluster, self._place, self._reader, self._writer = cluster, place, reader, writer
        self._oldest_usage = oldest_usage

    async def restore(self, manifest: Manifest) -> Restored:
        """Bring back a partition."""
        topic, partition = manifest.topic, manifest.partition
        stretches = self._stretches(manifest)
        start = await self._goes_on_at(manifest, stretches)
        position, gaps = start, 0
        for stretch in (one for one in stretches if one.end > start):
            records = (await self._records(manifest, stretch))[position - stretch.start :]
            gaps += sum(_is_gap(record) for record in records)
            for base, count, _ in await self._writer.append(topic, partition, records):
                if base != position:
                    raise NotEmptyError(self._cluster.topic(topic), partition, position)
                position += count
        if position > start:
            await self._check_end(manifest, stretches, position)
        return Restored(topic, partition, position - start, gaps)

    def _stretches(self, manifest: Manifest) -> list[_Stretch]:
        found, position = list[_Stretch](), 0
        for piece in manifest.pieces:
            if manifest.topic == USAGE and not found and piece.last_ms < self._oldest_usage:
                continue
            end = position + piece.records if manifest.topic == USAGE else piece.last_offset + 1
            found.append(_Stretch(piece, position, end))
            position = end
        return found

    async def _goes_on_at(self, manifest: Manifest, stretches: Sequence[_Stretch]) -> int:
        """The offset from which on the partition lacks what is kept. Raises: NotEmptyError."""
        topic, partition = manifest.topic, manifest.partition
        end = (await self._reader.end_offsets(topic, [partition]))[partition]
        whole = stretches[-1].end if stretches else 0
        if not end or not whole:
            return min(end, whole)
        last = manifest.pieces[-1].mark
        if await self._stands(topic, partition, last.offset, last.ms, last.digest):
            return whole  # it has lost nothing
        reached = min(end, whole)
        if not await self._is_ours(manifest, stretches, reached - 1):
            raise NotEmptyError(self._cluster.topic(topic), partition, reached - 1)
        return reached

    async def _check_end(self, manifest: Manifest, stretches: Sequence[_Stretch], end: int) -> None:
        if not await self._is_ours(manifest, stretches, end - 1):
            raise StampedError(topic=self._cluster.topic(manifest.topic), partition=manifest.partition)

    async def _is_ours(self, manifest: Manifest, stretches: Sequence[_Stretch], offset: int) -> bool:
        """Whether at this offset stands what is restored there."""
        [stretch] = (one for one in stretches if one.start <= offset < one.end)
        record = (await self._records(manifest, stretch))[offset - stretch.start]
        assert record.ms is not None
        digest = digest_of(record.key, record.value)
        return await self._stands(manifest.topic, manifest.partition, offset, record.ms, digest)

    async def _stands(self, topic: str, partition: int, offset: int, ms: int, digest: bytes) -> bool:
        """Whether a record of this time and content stands at this offset."""
        begin = (await self._reader.beginning_offsets(topic, [partition]))[partition]
        end = (await self._reader.end_offsets(topic, [partition]))[partition]
        found: FetchedRecord | None = None
        if begin <= offset < end:
            async for records in self._reader.read(topic, partition, offset, offset + 1):
                found = records[0]
        return found is not None and (found.timestamp, digest_of(found.key, found.value)) == (ms, digest)

    async def _records(self, manifest: Manifest, stretch: _Stretch) -> list[Record]:
        """What is written for a piece: a record for each offset."""
        table = await asyncio.to_thread(read_piece, self._place, manifest, stretch.piece)
        if manifest.topic == USAGE:
            return [_record(kept) for kept in records_of(table)]
        made: list[Record] = []
        for kept in records_of(table):
            lacking = kept.offset - stretch.start - len(made)
            made += [Record(None, b"", [(GAP_HEADER, b"")], kept.timestamp)] * lacking
            made.append(_record(kept))
        return made


def _is_gap(record: Record) -> bool:
    return bool(record.headers) and record.headers[0][0] == GAP_HEADER


def _record(kept: Kept) -> Record:
    """A name of a header that is no UTF-8 is written as it is shown: our client writes no other ones."""
    headers = [(name.decode("utf-8", "replace"), value) for name, value in kept.headers]
    return Record(kept.key, kept.value, headers, kept.timestamp)
