"""An archive read back: its manifests, and its records in order, each piece checked against its hash."""

import asyncio
from collections.abc import AsyncGenerator

import pyarrow as pa

from services.archive.errors import BrokenArchiveError, NoArchiveError
from services.archive.manifest import NAME, TOPICS, Manifest, folder_of, unsealed
from services.archive.pieces import Kept, PieceGoneError, read_piece, records_of
from services.archive.place import Place


def load(place: Place, topic: str, partition: int) -> Manifest:
    """What is kept of a partition. Raises: BrokenArchiveError, PlaceAwayError."""
    path = f"{folder_of(topic, partition)}/{NAME}"
    content = place.read(path)
    if content is None:
        raise BrokenArchiveError(place.shown(path), "is gone")
    return unsealed(content, topic, partition, place.shown(path))


def load_all(place: Place) -> dict[str, list[Manifest]]:
    """The manifests of every partition by topic, of which none is missing.

    Raises: NoArchiveError, BrokenArchiveError, PlaceAwayError.
    """
    return {topic: [load(place, topic, partition) for partition in partitions(place, topic)] for topic in TOPICS}


def partitions(place: Place, topic: str) -> range:
    """The partitions of a topic that are kept. Raises: NoArchiveError, BrokenArchiveError, PlaceAwayError."""
    found = sorted(int(name) for name in place.names(topic) if name.isdecimal())
    if not found:
        raise NoArchiveError(url=place.url, topic=topic)
    for partition in range(found[-1]):
        if partition not in found:
            raise BrokenArchiveError(place.shown(folder_of(topic, partition)), "is gone")
    return range(len(found))


async def tables(place: Place, manifest: Manifest, offset: int = 0) -> AsyncGenerator[pa.Table, None]:
    """The pieces from this offset on, in order, each read whole.

    Pieces may be replaced by a larger one meanwhile: then it goes on in that one, behind what it has told. Raises:
    BrokenArchiveError, PlaceAwayError.
    """
    position = offset
    while True:
        try:
            for piece in manifest.pieces:
                if piece.next > position:
                    table = await asyncio.to_thread(read_piece, place, manifest, piece)
                    yield table if piece.first >= position else _from(table, position)
                    position = piece.next
            return
        except PieceGoneError:
            newer = await asyncio.to_thread(load, place, manifest.topic, manifest.partition)
            if newer == manifest:
                raise
            manifest = newer


def _from(table: pa.Table, offset: int) -> pa.Table:
    offsets: list[int] = table["offset"].to_pylist()
    return table.slice(sum(one < offset for one in offsets))


async def records(place: Place, manifest: Manifest, offset: int = 0) -> AsyncGenerator[list[Kept], None]:
    """The same as records, a list a piece; one may be empty."""
    async for table in tables(place, manifest, offset):
        yield list(records_of(table))
