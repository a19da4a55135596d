"""One pass of the archiver: records that arrived since the last pass are written into files, partition by partition.

A file of records is called a piece. It is written before the manifest names it. When a larger piece replaces a smaller
one, the smaller is removed only when the next piece is written. So a kill at any moment leaves a correct manifest, and
perhaps a file that it does not name. Such a file is removed once the manifest reaches past the file's last offset.

Two archivers at once lose nothing. Neither removes a file that the other may be about to name. Each compares the stored
manifest with the one it knows, right before and right after it writes its own; whoever finds a different one stops.
A pass asks Kafka for all end offsets once, at its start; records that arrive later are left to the next pass.
"""

import asyncio
from contextlib import aclosing

import pyarrow as pa
import structlog

from events.topics import USAGE
from services.archive.defects import AnotherArchiverError, AnotherTopicError
from services.archive.manifest import NAME, TOPICS, Manifest, folder_of, is_passed, part_of, seal
from services.archive.partition_counts import begun, ended, put_counts
from services.archive.pieces import read_piece, table_of, write_piece
from services.archive.place import FilePlace
from services.archive.read_back import load
from services.breaks import LogCutError, TopicMissingError
from services.kafka import Cluster, KafkaAdmin, LogReader, mark_of

#: A piece is complete when its records take this many bytes in memory; smaller pieces at the end are merged.
PIECE_BYTES = 64 * 1024 * 1024
_log = structlog.get_logger(__name__)


class Archiver:
    """Archives the topics of a cluster at one place. It stops with an error if it notices another archiver there.

    `piece_bytes`: size of a piece in memory from which on it is complete.
    """

    def __init__(self, cluster: Cluster, place: FilePlace, piece_bytes: int = PIECE_BYTES) -> None:
        self._cluster, self._place, self._piece_bytes = cluster, place, piece_bytes
        #: The manifests by topic and partition, as this archiver last read or wrote them.
        self._known: dict[tuple[str, int], Manifest] = {}

    async def keep(self) -> dict[str, int]:
        """Archive all records that are there now. Returns: the number of newly kept records, by topic.

        Raises: AnotherTopicError, AnotherArchiverError, BrokenArchiveError, LogCutError, LogHoleError;
        TopicMissingError, PlaceAwayError, KafkaUnreachableError and other temporary failures.
        """
        async with (
            KafkaAdmin(self._cluster) as admin,
            LogReader(self._cluster, exact=True) as log,
            LogReader(self._cluster, exact=True, committed=True) as usage,
        ):
            counts = await admin.partition_counts(TOPICS)
            for topic in TOPICS:
                if topic not in counts:
                    raise TopicMissingError(self._cluster, topic)
            readers = {topic: usage if topic == USAGE else log for topic in TOPICS}
            kept = await asyncio.to_thread(begun, self._place, counts)
            ends = {topic: await readers[topic].end_offsets(topic, range(counts[topic])) for topic in TOPICS}
            done = dict.fromkeys(TOPICS, 0)
            for topic, of_topic in ends.items():
                begins = await readers[topic].beginning_offsets(topic, of_topic)
                for partition, end in sorted(of_topic.items()):
                    if partition == kept[topic]:  # a partition was added to the topic; those before it are kept
                        kept[topic] = len(of_topic)
                        await asyncio.to_thread(put_counts, self._place, kept)
                    done[topic] += await self._keep(readers[topic], topic, partition, begins[partition], end)
            await asyncio.to_thread(ended, self._place, kept)
        return done

    async def _keep(self, reader: LogReader, topic: str, partition: int, begin: int, end: int) -> int:
        """Archive a partition up to offset `end`, exclusive; returns the number of newly kept records."""
        is_first = (topic, partition) not in self._known
        manifest = await self._manifest_of(topic, partition)
        if topic != USAGE and begin:
            raise LogCutError(self._cluster, topic, partition, begin)
        if end == manifest.next and not is_first:
            return 0
        await self._check_same(reader, manifest, begin, end)
        if manifest.pieces and begin > manifest.next:
            shown = self._cluster.topic(topic)
            _log.warning("deleted_before_it_was_kept", topic=shown, partition=partition, start=manifest.next, end=begin)
        first, tables, size, before = max(manifest.next, begin), list[pa.Table](), 0, manifest.records
        async with aclosing(reader.read(topic, partition, first, end)) as lists:
            async for records in lists:
                tables.append(table_of(partition, records))
                size += tables[-1].nbytes
                if size >= self._piece_bytes:
                    manifest = await self._put(manifest, tables, first, records[-1].offset + 1)
                    first, tables, size = manifest.next, [], 0
        if tables:
            manifest = await self._put(manifest, tables, first, end)
        return manifest.records - before

    async def _manifest_of(self, topic: str, partition: int) -> Manifest:
        """The manifest of a partition; when it is first loaded, files that nobody needs are removed."""
        if (topic, partition) not in self._known:
            self._known[topic, partition] = await asyncio.to_thread(_cleaned, self._place, topic, partition)
        return self._known[topic, partition]

    async def _put(self, manifest: Manifest, tables: list[pa.Table], first: int, end: int) -> Manifest:
        made = await asyncio.to_thread(
            _put, self._place, manifest, pa.concat_tables(tables), first, end, self._piece_bytes
        )
        self._known[manifest.topic, manifest.partition] = made
        return made

    async def _check_same(self, reader: LogReader, manifest: Manifest, begin: int, end: int) -> None:
        """Check that the last archived record is still at its offset in Kafka, unless retention has deleted it.

        Raises: AnotherTopicError if another record is there, or the partition ends before it: the topic was made anew.
        """
        topic, partition, shown = manifest.topic, manifest.partition, self._cluster.topic(manifest.topic)
        if end < manifest.next:
            raise AnotherTopicError(shown, partition, f"it ends at offset {end}, and {manifest.next} are kept")
        if not manifest.pieces or manifest.pieces[-1].last_offset < begin:
            return
        mark, there = manifest.pieces[-1].mark, None
        async for records in reader.read(topic, partition, mark.offset, mark.offset + 1):
            there = mark_of(records[0])
        if there != mark:
            raise AnotherTopicError(shown, partition, f"at offset {mark.offset} stands another record than is kept")


def _cleaned(place: FilePlace, topic: str, partition: int) -> Manifest:
    folder = folder_of(topic, partition)
    if not any(name == NAME or name.endswith(".parquet") for name in place.names(folder)):
        _write(place, Manifest(topic, partition))  # before any piece, so that no piece is ever without a manifest
    manifest = load(place, topic, partition)
    _clean(place, manifest)
    return manifest


def _clean(place: FilePlace, manifest: Manifest) -> None:
    """Remove replaced pieces and files left by a kill, except those that another archiver may be about to name."""
    named = {piece.name for piece in manifest.pieces}
    for name in place.names(manifest.folder):
        if name not in named and is_passed(name, manifest):
            place.remove(f"{manifest.folder}/{name}")


def _put(place: FilePlace, manifest: Manifest, table: pa.Table, first: int, end: int, most: int) -> Manifest:
    """Write the records of offsets `[first, end)` as a piece, then the manifest that names it.

    Pieces at the end that are no larger than the new one are merged into it. So there are few pieces, and a record is
    rewritten only each time its piece about doubles in size. The merged pieces stay in place until the next piece is
    written: an archiver that has compared manifests, but not yet written its own, may still name them.
    """
    _check_known(place, manifest)
    _clean(place, manifest)
    pieces = list(manifest.pieces)
    while pieces and pieces[-1].next == first and pieces[-1].size <= min(table.nbytes, most - table.nbytes):
        last = pieces.pop()
        table = pa.concat_tables([read_piece(place, manifest, last), table])
        first = last.first
    pieces.append(write_piece(place, manifest, table, first, end))
    made = Manifest(manifest.topic, manifest.partition, pieces=tuple(pieces))
    _check_known(place, manifest)
    _write(place, made)
    _check_known(place, made)
    if not {piece.name for piece in pieces} <= set(place.names(made.folder)):
        raise AnotherArchiverError(path=place.shown(made.folder))
    return made


def _check_known(place: FilePlace, manifest: Manifest) -> None:
    """Compare the stored manifest with the one this archiver knows. Raises: AnotherArchiverError if they differ."""
    if load(place, manifest.topic, manifest.partition) != manifest:
        raise AnotherArchiverError(path=place.shown(f"{manifest.folder}/{NAME}"))


def _write(place: FilePlace, manifest: Manifest) -> None:
    place.write(f"{manifest.folder}/{NAME}", seal(manifest), part_of(manifest))
