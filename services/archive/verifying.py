"""Is an archive as it was written? Every file is read whole and compared with its hash; all that is wrong is told."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from services.archive.errors import BrokenArchiveError, NoArchiveError
from services.archive.manifest import TOPICS, Manifest
from services.archive.pieces import PieceGoneError, read_piece
from services.archive.place import Place
from services.archive.reading import load, partitions


@dataclass(slots=True)
class Verified:
    """What an archive holds of a topic, and what is wrong with it, a sentence each."""

    topic: str
    partitions: int = 0
    records: int = 0
    files: int = 0
    #: What Kafka had deleted before it was kept, which nothing mends.
    gaps: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def verify(place: Place) -> Iterator[Verified]:
    """Look at every topic, one after the other. Raises: PlaceAwayError."""
    for topic in TOPICS:
        found = Verified(topic)
        try:
            found.partitions = len(partitions(place, topic))
        except (NoArchiveError, BrokenArchiveError) as error:
            found.wrong.append(str(error))
        for partition in range(found.partitions):
            _verify(place, topic, partition, found)
        yield found


def _verify(place: Place, topic: str, partition: int, found: Verified) -> None:
    try:
        manifest = load(place, topic, partition)
    except BrokenArchiveError as error:
        found.wrong.append(str(error))
        return
    wrong = [*_broken(place, manifest)]
    newer = load(place, topic, partition)
    if wrong and newer != manifest:  # an archiver is at work, and has put another piece in the place of some
        manifest, wrong = newer, [*_broken(place, newer)]
    found.wrong += wrong
    found.records += manifest.records
    found.files += len(manifest.pieces)
    found.gaps += [f"{topic}/{partition} lacks offsets {start} to {end - 1}" for start, end in manifest.gaps]


def _broken(place: Place, manifest: Manifest) -> Iterator[str]:
    for piece in manifest.pieces:
        try:
            read_piece(place, manifest, piece)
        except (BrokenArchiveError, PieceGoneError) as error:
            yield str(error)
