"""Records as Kafka's reader has them, and files made of them."""

from dataclasses import dataclass
from typing import Any

from services.archive import keeping
from services.archive.manifest import Manifest
from services.archive.pieces import table_of
from services.archive.place import Place


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


def put(place: Place, topic: str, partition: int, fetched: list[Fetched], end: int | None = None) -> Manifest:
    """Keep these behind what is kept already."""
    known = keeping._cleaned(place, topic, partition)
    last = fetched[-1].offset + 1
    return keeping._put(place, known, table_of(partition, fetched), known.next, end or last, most=10_000_000)
