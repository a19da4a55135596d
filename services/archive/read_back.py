"""Reads the manifests of an archive."""

from services.archive.defects import BrokenArchiveError
from services.archive.manifest import NAME, TOPICS, Manifest, folder_of, manifest_of
from services.archive.partition_counts import counts_of, partitions
from services.archive.place import FilePlace


def load(place: FilePlace, topic: str, partition: int) -> Manifest:
    """The manifest of a partition. Raises: BrokenArchiveError if it is missing or damaged; PlaceAwayError."""
    path = f"{folder_of(topic, partition)}/{NAME}"
    content = place.read(path)
    if content is None:
        raise BrokenArchiveError(place.shown(path), "is gone, or a first pass has not come to it")
    return manifest_of(content, topic, partition, place.shown(path))


def load_all(place: FilePlace) -> dict[str, list[Manifest]]:
    """The manifests of all partitions, by topic.

    Raises: NoArchiveError if the place is empty; BrokenArchiveError if any manifest is missing or damaged;
    PlaceAwayError.
    """
    counts = counts_of(place)
    return {
        topic: [load(place, topic, partition) for partition in partitions(place, topic, counts[topic])]
        for topic in TOPICS
    }
