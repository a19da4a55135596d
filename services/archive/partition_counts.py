"""How many partitions an archive has of each topic: `topics.json`, written before the first partition.

Without it, a partition whose folder was lost, or that a killed first pass did not reach, would look like one that never
existed. That matters because a restored topic keeps its number of partitions for life.
"""

from collections.abc import Mapping

from services.archive.defects import AnotherTopicError, BrokenArchiveError, NoArchiveError
from services.archive.manifest import TOPICS, Sealed, folder_of, seal, unseal
from services.archive.place import FilePlace

NAME = "topics.json"


class _Topics(Sealed, frozen=True):
    partitions: dict[str, int]


def counts_of(place: FilePlace) -> dict[str, int]:
    """The number of archived partitions, by topic.

    Raises: NoArchiveError if the place is empty; BrokenArchiveError if `topics.json` is missing or damaged;
    PlaceAwayError.
    """
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
    """Write `topics.json`: the number of partitions, by topic."""
    place.write(NAME, seal(_Topics(dict(counts))))


def begun(place: FilePlace, counts: Mapping[str, int]) -> dict[str, int]:
    """The number of archived partitions by topic, at the start of a pass. `counts`: those of the topics in Kafka.

    In an empty place, `counts` are written and returned. If `topics.json` is lost, the folders are counted instead.
    Raises: AnotherTopicError if a topic has fewer partitions than are archived; BrokenArchiveError, PlaceAwayError.
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
    """Write a lost `topics.json` again, at the end of a pass that found every partition as it was archived."""
    if place.read(NAME) is None:
        put_counts(place, counts)


def folders(place: FilePlace) -> dict[str, int]:
    """By topic, one more than the highest partition that has a folder; 0 if none has."""
    numbers = {topic: [int(name) for name in place.names(topic) if name.isdecimal()] for topic in TOPICS}
    return {topic: max(of_topic, default=-1) + 1 for topic, of_topic in numbers.items()}


def partitions(place: FilePlace, topic: str, count: int) -> range:
    """The numbers of a topic's `count` partitions. Raises: BrokenArchiveError if there is a folder of a further one."""
    if folders(place)[topic] > count:
        path = place.shown(folder_of(topic, folders(place)[topic] - 1))
        raise BrokenArchiveError(path, f"is none of the {count} partitions that {NAME} says there are")
    return range(count)
