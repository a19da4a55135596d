"""Records as Kafka's reader has them, files made of them, and what stands in these."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from events.topics import CATALOG, EVENTS, TREE_HEADS, USAGE
from services.archive import archiver
from services.archive.manifest import Manifest
from services.archive.pieces import ArchivedRecord, read_piece, records_of, table_of
from services.archive.place import FilePlace
from services.archive.verifying import verify

COUNTS = {TREE_HEADS: 2, EVENTS: 2, CATALOG: 1, USAGE: 2}


@dataclass(frozen=True)
class Fetched:
    offset: int
    timestamp: int = 1_700_000_000_000
    timestamp_type: int = 1
    key: bytes | None = b"key"
    value: Any = b"value"
    headers: Any = ()


def some(start: int, count: int) -> list[Fetched]:
    return [Fetched(offset, value=b"%d" % offset) for offset in range(start, start + count)]


def put(place: FilePlace, topic: str, partition: int, fetched: list[Fetched], end: int | None = None) -> Manifest:
    """Keep these behind what is kept already."""
    known = archiver._cleaned(place, topic, partition)
    last = fetched[-1].offset + 1
    return archiver._put(place, known, table_of(partition, fetched), known.next, end or last, most=10_000_000)


def records(place: FilePlace, manifest: Manifest) -> Iterator[ArchivedRecord]:
    """All that is kept of a partition, in order."""
    for piece in manifest.pieces:
        yield from records_of(read_piece(place, manifest, piece))


def wrong(place: FilePlace) -> list[str]:
    return [fault for found in verify(place) for fault in found.wrong]
