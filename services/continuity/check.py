"""Is what was known still there? Topics with their partitions, the last records, and the newest event of the store; and
what stands at the end of each partition of the log: the last sequence of every source of ours there (`Tails`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from events.sources import LastSequences, Origins, commands_source
from events.topics import CATALOG, EVENTS, TOPICS, USAGE
from services.breaks import (
    LogChangedError,
    LogCutError,
    LogShrunkError,
    LogWentBackError,
    StoreWentBackError,
    TopicMissingError,
    UsageLostError,
)
from services.continuity.memory import Known
from services.kafka import FetchedRecord, KafkaAdmin, LogReader, mark_of
from services.store.events import head
from services.store.generations import Generations


async def check_topics(admin: KafkaAdmin, partitions: int) -> dict[str, int]:
    """Every topic is there with at least the partitions that it was made with.

    Returns: topics with partitions that were added, and how many there are now. Raises: TopicMissingError,
    LogShrunkError.
    """
    wanted = {topic.name: topic.count(partitions) for topic in TOPICS}
    counts = await admin.partition_counts(wanted)
    added = {}
    for topic, count in wanted.items():
        if topic not in counts:
            raise TopicMissingError(admin.cluster, topic)
        if counts[topic] < count:
            raise LogShrunkError(admin.cluster, topic, counts[topic], count)
        if counts[topic] > count:
            added[topic] = counts[topic]
    return added


async def check_beginnings(reader: LogReader, partitions: int) -> None:
    """The log of record holds its first records: nobody's retention has deleted any. Raises: LogCutError."""
    for topic, count in ((EVENTS, partitions), (CATALOG, 1)):
        for partition, offset in (await reader.beginning_offsets(topic, range(count))).items():
            if offset:
                raise LogCutError(reader.cluster, topic, partition, offset)


async def check_ends(reader: LogReader, positions: Iterable[Known]) -> None:
    """Every partition reaches at least as far as it was known to. Raises: LogWentBackError."""
    for topic, offsets in _by_topic(positions).items():
        ends = await reader.end_offsets(topic, offsets)
        for partition, offset in offsets.items():
            if ends[partition] < offset:
                raise LogWentBackError(reader.cluster, topic, partition, ends[partition], offset)


async def check_unread(reader: LogReader, positions: Iterable[Known]) -> None:
    """Of `usage` nothing was deleted that nobody has read. Raises: UsageLostError."""
    read = {position.partition: position.next_offset for position in positions if position.topic == USAGE}
    for partition, beginning in (await reader.beginning_offsets(USAGE, read)).items():
        if beginning > read[partition]:
            raise UsageLostError(reader.cluster, partition, beginning, read[partition])


async def check_records(reader: LogReader, positions: Iterable[Known]) -> None:
    """At each mark stands the record that was there, unless it was deleted by its age. Raises: LogChangedError.

    `check_ends` is to be asked first.
    """
    marked = {
        (position.topic, position.partition, position.mark.offset): position.mark
        for position in positions
        if position.mark is not None
    }
    beginnings = {
        topic: await reader.beginning_offsets(topic, {partition for of, partition, _ in marked if of == topic})
        for topic in {topic for topic, _, _ in marked}
    }
    for (topic, partition, offset), mark in sorted(marked.items()):
        if offset < beginnings[topic][partition]:
            continue
        mark_there = None
        async for records in reader.read(topic, partition, offset, offset + 1):
            mark_there = mark_of(records[0])
        if mark_there != mark:
            raise LogChangedError(reader.cluster, topic, partition, offset)


def _by_topic(positions: Iterable[Known]) -> Mapping[str, dict[int, int]]:
    """The furthest next offset of each partition, by topic."""
    by_topic: dict[str, dict[int, int]] = defaultdict(dict)
    for position in positions:
        furthest = by_topic[position.topic]
        furthest[position.partition] = max(position.next_offset, furthest.get(position.partition, 0))
    return by_topic


#: Of each partition at most this much of the tail is read; the relay's ticks, each quarter hour, lie in it on all but
#: the busiest systems, and the relay's note says the rest.
TAIL_RECORDS_MAX = 200_000

#: (topic, partition) of the log -> source -> last sequence.
Tails = dict[tuple[str, int], LastSequences]


class _Numbered(msgspec.Struct):
    source: str
    sequence: int


_NUMBERED = msgspec.json.Decoder(_Numbered)


def numbered(record: FetchedRecord, origins: Origins) -> tuple[str, int] | None:
    """Source and sequence of a record of ours; None for a stranger's."""
    try:
        sourced = _NUMBERED.decode(record.value or b"")
    except msgspec.MsgspecError:
        return None
    return (sourced.source, sourced.sequence) if origins.own(sourced.source) else None


async def last_sequences(reader: LogReader, topic: str, partition: int, start: int, origins: Origins) -> LastSequences:
    """The highest sequence of each source in the partition from offset `start` on (or in its last TAIL_RECORDS_MAX)."""
    end = (await reader.end_offsets(topic, [partition]))[partition]
    sequences = LastSequences()
    async for records in reader.read(topic, partition, max(start, end - TAIL_RECORDS_MAX), end):
        for record in records:
            number = numbered(record, origins)
            if number is not None:
                sequences.accepts(*number)
    return sequences


async def read_tails(connection: Any, reader: LogReader, generations: Generations, positions: list[Known]) -> Tails:
    """The tails from where the relay last wrote on: what is in them is not to be written again.

    `positions` is what the relay wrote. Raises: StoreWentBackError, if they hold an event that the store has not.
    """
    source, newest = commands_source(generations.commands), await head(connection)
    starts = {(position.topic, position.partition): position.next_offset for position in positions}
    tails = {}
    for topic, partition in log_partitions(generations.partitions):
        start = starts.get((topic, partition), 0)
        last = await last_sequences(reader, topic, partition, start, generations.origins)
        if last.get(source, 0) > newest:
            raise StoreWentBackError(last[source], newest, f"{topic}/{partition}")
        tails[topic, partition] = last
    return tails


def log_partitions(partitions: int) -> list[tuple[str, int]]:
    """Every partition of the log of record, `billing.events` before `billing.catalog`."""
    return [*((EVENTS, partition) for partition in range(partitions)), (CATALOG, 0)]
