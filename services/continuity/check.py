"""Is what was known still there? Topics with their partitions, the last records, and the newest event of the store."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from events.topics import CATALOG, EVENTS, TOPICS, USAGE
from services.breaks import (
    LogChangedError,
    LogCutError,
    LogShrunkError,
    LogWentBackError,
    TopicMissingError,
    UsageLostError,
)
from services.continuity.memory import Known
from services.kafka import KafkaAdmin, LogReader, mark_of


async def check_topics(admin: KafkaAdmin, partitions: int) -> dict[str, int]:
    """Every topic is there with at least the partitions that it was made with.

    Returns: topics with partitions that were added, and how many there are now. Raises: TopicMissingError,
    LogShrunkError.
    """
    wanted = {topic.name: topic.partitions or partitions for topic in TOPICS}
    found = await admin.partition_counts(wanted)
    added = {}
    for topic, count in wanted.items():
        if topic not in found:
            raise TopicMissingError(admin.cluster, topic)
        if found[topic] < count:
            raise LogShrunkError(admin.cluster, topic, found[topic], count)
        if found[topic] > count:
            added[topic] = found[topic]
    return added


async def check_beginnings(reader: LogReader, partitions: int) -> None:
    """The log of record holds its first records: nobody's retention has deleted any. Raises: LogCutError."""
    for topic, count in ((EVENTS, partitions), (CATALOG, 1)):
        for partition, offset in (await reader.beginning_offsets(topic, range(count))).items():
            if offset:
                raise LogCutError(reader.cluster, topic, partition, offset)


async def check_ends(reader: LogReader, known: Iterable[Known]) -> None:
    """Every partition reaches at least as far as it was known to. Raises: LogWentBackError."""
    for topic, offsets in _by_topic(known).items():
        ends = await reader.end_offsets(topic, offsets)
        for partition, offset in offsets.items():
            if ends[partition] < offset:
                raise LogWentBackError(reader.cluster, topic, partition, ends[partition], offset)


async def check_unread(reader: LogReader, known: Iterable[Known]) -> None:
    """Of `usage` nothing was deleted that nobody has read. Raises: UsageLostError."""
    read = {one.partition: one.next_offset for one in known if one.topic == USAGE}
    for partition, beginning in (await reader.beginning_offsets(USAGE, read)).items():
        if beginning > read[partition]:
            raise UsageLostError(reader.cluster, partition, beginning, read[partition])


async def check_records(reader: LogReader, known: Iterable[Known]) -> None:
    """At each mark stands the record that was there, unless it was deleted by its age. Raises: LogChangedError.

    `check_ends` is to be asked first.
    """
    marked = {(one.topic, one.partition, one.mark.offset): one.mark for one in known if one.mark is not None}
    beginnings = {
        topic: await reader.beginning_offsets(topic, {partition for of, partition, _ in marked if of == topic})
        for topic in {topic for topic, _, _ in marked}
    }
    for (topic, partition, offset), mark in sorted(marked.items()):
        if offset < beginnings[topic][partition]:
            continue
        found = None
        async for records in reader.read(topic, partition, offset, offset + 1):
            found = mark_of(records[0])
        if found != mark:
            raise LogChangedError(reader.cluster, topic, partition, offset)


def _by_topic(known: Iterable[Known]) -> Mapping[str, dict[int, int]]:
    """The furthest next offset of each partition, by topic."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for one in known:
        held = found[one.topic]
        held[one.partition] = max(one.next_offset, held.get(one.partition, 0))
    return found
