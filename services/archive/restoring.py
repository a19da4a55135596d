"""Writes an archive back into Kafka: into topics that are missing or empty, and partitions that lost all their records.

Records of the log get their old offsets, because facts refer to them: a bill says up to which offsets it was settled.
Where a foreign transaction had ended, an empty record takes the offset. Records of `usage` get new offsets without
gaps, because its oldest records are gone. That is safe: only the log says how far `usage` was read, and it also keeps
the mark of the last record read, which is looked for in the new topic (`services/migrate/new_usage.py`).

Every record keeps its time. Records that an earlier, killed run has written are compared, and the run goes on there.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from events.topics import GAP_HEADER, TOPICS, USAGE
from services.archive.defects import NotEmptyError, PartitionsDifferError, StampedError
from services.archive.manifest import ArchivePiece, Manifest
from services.archive.pieces import ArchivedRecord, read_piece, records_of
from services.archive.place import FilePlace
from services.archive.read_back import load_all
from services.kafka import BatchWriter, Cluster, FetchedRecord, KafkaAdmin, LogReader, Record, digest_of
from services.migrate.topics import let_writers_stamp

_USAGE_MS = int(next(topic.config["retention.ms"] for topic in TOPICS if topic.name == USAGE))


class Restored(NamedTuple):
    """What was done for a partition: how many records were written, and how many of them (`gaps`) are fillers."""

    topic: str
    partition: int
    written: int
    gaps: int


class _Stretch(NamedTuple):
    """A piece, and the offsets `[start, end)` that its records get in the restored topic."""

    piece: ArchivePiece
    start: int
    end: int


async def restore(cluster: Cluster, place: FilePlace, record_bytes: int) -> list[Restored]:
    """Write the records that the topics lack; returns what was done, by partition. A second run changes nothing.

    Nobody else may write to the topics meanwhile. `record_bytes`: the largest record that the topics are to take.
    Raises: NoArchiveError, BrokenArchiveError, PartitionsDifferError, NotEmptyError, StampedError, TopicRefusedError;
    PlaceAwayError or KafkaUnreachableError, after which it can be run again.
    """
    manifests = await asyncio.to_thread(load_all, place)
    wanted = {topic: len(of_topic) for topic, of_topic in manifests.items()}
    async with KafkaAdmin(cluster) as admin:
        there = await admin.partition_counts(wanted)
    for topic, count in there.items():
        if count != wanted[topic]:
            raise PartitionsDifferError(topic=cluster.topic(topic), found=count, wanted=wanted[topic])
    oldest = _oldest_usage(manifests[USAGE])
    kept = [_Partition(cluster, place, manifest, oldest) for of_topic in manifests.values() for manifest in of_topic]
    async with LogReader(cluster) as reader:
        starts = [await partition.goes_on_at(reader) if partition.topic in there else 0 for partition in kept]
    lacking = {partition.topic for partition, start in zip(kept, starts, strict=True) if start < partition.end}
    touched = {topic: wanted[topic] for topic in wanted if topic in lacking or topic not in there}
    await let_writers_stamp(cluster, touched, record_bytes, may=True)
    async with LogReader(cluster) as reader, BatchWriter(cluster) as writer:
        done = [await partition.restore(reader, writer, start) for partition, start in zip(kept, starts, strict=True)]
    await let_writers_stamp(cluster, wanted, record_bytes, may=False)
    return done


def _oldest_usage(manifests: Sequence[Manifest]) -> int:
    """The time in ms before which usage is not restored: retention would delete it, and the log has what followed."""
    newest = max((manifest.pieces[-1].last_ms for manifest in manifests if manifest.pieces), default=0)
    return newest - _USAGE_MS


class _Partition:
    """An archived partition, and the offsets that its records get in the restored topic."""

    def __init__(self, cluster: Cluster, place: FilePlace, manifest: Manifest, oldest_usage: int) -> None:
        self._cluster, self._place, self._manifest = cluster, place, manifest
        self.topic, self._partition = manifest.topic, manifest.partition
        self._stretches = list(_stretches(manifest, oldest_usage))

    @property
    def end(self) -> int:
        """One more than the last record's offset."""
        return self._stretches[-1].end if self._stretches else 0

    async def goes_on_at(self, reader: LogReader) -> int:
        """The offset from which on records are to be written.

        Raises: NotEmptyError if the partition holds other records than the archive.
        """
        end = (await reader.end_offsets(self.topic, [self._partition]))[self._partition]
        if not end or not self.end:
            return min(end, self.end)
        last = self._manifest.pieces[-1].mark
        if await self._stands(reader, last.offset, last.ms, last.digest):
            return self.end  # the last archived record is still there: nothing was lost
        reached = min(end, self.end)
        if not await self._is_ours(reader, reached - 1):
            raise NotEmptyError(self._cluster.topic(self.topic), self._partition, reached - 1)
        return reached

    async def restore(self, reader: LogReader, writer: BatchWriter, start: int) -> Restored:
        """Write the records from offset `start` on.

        Raises: NotEmptyError if somebody else wrote meanwhile; StampedError if records did not keep their time;
        BrokenArchiveError.
        """
        position, gaps = start, 0
        for stretch in (stretch for stretch in self._stretches if stretch.end > start):
            records = (await self._records(stretch))[position - stretch.start :]
            gaps += sum(_is_gap(record) for record in records)
            for base, count, _ in await writer.append(self.topic, self._partition, records):
                if base != position:
                    raise NotEmptyError(self._cluster.topic(self.topic), self._partition, position)
                position += count
        if position > start and not await self._is_ours(reader, position - 1):
            raise StampedError(topic=self._cluster.topic(self.topic), partition=self._partition)
        return Restored(self.topic, self._partition, position - start, gaps)

    async def _is_ours(self, reader: LogReader, offset: int) -> bool:
        """Whether the record at this offset is the one that a restore puts there."""
        [stretch] = (stretch for stretch in self._stretches if stretch.start <= offset < stretch.end)
        record = (await self._records(stretch))[offset - stretch.start]
        assert record.ms is not None
        return await self._stands(reader, offset, record.ms, digest_of(record.key, record.value))

    async def _stands(self, reader: LogReader, offset: int, ms: int, digest: bytes) -> bool:
        """Whether there is a record of this time and digest at this offset."""
        begin = (await reader.beginning_offsets(self.topic, [self._partition]))[self._partition]
        end = (await reader.end_offsets(self.topic, [self._partition]))[self._partition]
        there: FetchedRecord | None = None
        if begin <= offset < end:
            async for records in reader.read(self.topic, self._partition, offset, offset + 1):
                there = records[0]
        return there is not None and (there.timestamp, digest_of(there.key, there.value)) == (ms, digest)

    async def _records(self, stretch: _Stretch) -> list[Record]:
        """The records to write for a piece. For topics of the log, fillers take the offsets that had no record."""
        table = await asyncio.to_thread(read_piece, self._place, self._manifest, stretch.piece)
        if self.topic == USAGE:
            return [_record(archived) for archived in records_of(table)]
        made: list[Record] = []
        for archived in records_of(table):
            lacking = archived.offset - stretch.start - len(made)
            made += [Record(None, b"", [(GAP_HEADER, b"")], archived.timestamp)] * lacking
            made.append(_record(archived))
        return made


def _stretches(manifest: Manifest, oldest_usage: int) -> Iterator[_Stretch]:
    """The pieces to restore. The log keeps its offsets; `usage` is numbered anew from 0, without its oldest pieces."""
    position = 0
    for piece in manifest.pieces:
        if manifest.topic != USAGE:
            end = piece.last_offset + 1
        elif position or piece.last_ms >= oldest_usage:
            end = position + piece.records
        else:
            continue
        yield _Stretch(piece, position, end)
        position = end


def _is_gap(record: Record) -> bool:
    return bool(record.headers) and record.headers[0][0] == GAP_HEADER


def _record(archived: ArchivedRecord) -> Record:
    """The record to write. A header's name that is not UTF-8 is changed: our client can write only UTF-8 names."""
    headers = [(name.decode("utf-8", "replace"), value) for name, value in archived.headers]
    return Record(archived.key, archived.value, headers, archived.timestamp)
