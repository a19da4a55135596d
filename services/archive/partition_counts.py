"""How many partitions an archive has of each topic: `topics.json`, which is there before the first of them.

Without it nobody could tell a partition whose folder is lost, or to which a first pass that was killed has not come,
from one that there never was; and topics that are restored have their partitions for life.
"""

from collections.abc import Mapping

from services.archive.defects import AnotherTopicError, BrokenArchiveError, NoArchiveError
from services.archive.manifest import TOPICS, Sealed, folder_of, seal, unseal
from services.archive.place import FilePlace

NAME = "topics.json"


class _Topics(Sealed, frozen=True):
    partitions: dict[str, int]


def counts_of(place: FilePlace) -> dict[str, int]:
    """How many partitions of each topic are kept. Raises: NoArchiveError, BrokenArchiveError, PlaceAwayError."""
    content, path = place.read(NAME), place.shown(NAME)
    if content is None:
        if not any(folders(place).values()):
            raise NoArchiveError(url=place.url)
        raise BrokenArchiveError(path, "is gone: nobody can tell whether a partition is, too")
    topics = unseal(content, _Topics, path)
    for topic in TOPICS:
        if topics.partitions.get(topic, 0) < 1:
            raise BrokenArchiveError(path, f"does not say how many partitions {topic} has")
    return topics.partitions


def put_counts(place: FilePlace, counts: Mapping[str, int]) -> None:
    """Say from now on that so many are kept."""
    place.write(NAME, seal(_Topics(dict(counts))))


def begun(place: FilePlace, counts: Mapping[str, int]) -> dict[str, int]:
    """How many partitions are kept, before a pass over topics that have so many; in a new place these are put there.

    Where the file is gone it is as many as there are folders of. Raises: AnotherTopicError, BrokenArchiveError,
    PlaceAwayError.
    """
    if place.read(NAME) is not None:
        kept = counts_of(place)
    else:
        kept = folders(place)
        if not any(kept.values()):
            put_counts(place, counts)
            return dict(counts)
    for topic, count in counts.items():
        if kept[topic] > count:
            raise AnotherTopicError(topic, count, f"the topic has {count} partitions, and {kept[topic]} are kept")
    return kept


def ended(place: FilePlace, counts: Mapping[str, int]) -> None:
    """After a pass that found all partitions as they were kept: the file is there again, where it was lost."""
    if place.read(NAME) is None:
        put_counts(place, counts)


def folders(place: FilePlace) -> dict[str, int]:
    """By topic, one more than the highest number of a folder of a partition."""
    numbers = {topic: [int(name) for name in place.names(topic) if name.isdecimal()] for topic in TOPICS}
    return {topic: max(of_topic, default=-1) + 1 for topic, of_topic in numbers.items()}


def partitions(place: FilePlace, topic: str, count: int) -> range:
    """The partitions of a topic. Raises: BrokenArchiveError if the place has one that it does not know of."""
    if folders(place)[topic] > count:
        path = place.shown(folder_of(topic, folders(place)[topic] - 1))
        raise BrokenArchiveError(path, f"is none of the {count} partitions that {NAME} says there are")
    return range(count)
