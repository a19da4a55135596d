"""Checks whether what is known is still there: topics and their partitions, their last records, the store's newest
event. It also reads the end of each partition of the log for the last sequence of every source of ours (`Tails`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from events.sources import LastSequences, Origins, commands_source
from events.topics import CATALOG, EVENTS, TOPICS, USAGE
from projections.not_json import NOT_JSON
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
    """Check that every topic exists and has at least the partitions it was made with (`partitions`, where not fixed).

    Returns: for each topic to which partitions were added, its number of partitions now. Raises: TopicMissingError,
    LogShrunkError; of several, the one about the log.
    """
    of_log_first = sorted(TOPICS, key=lambda topic: topic.name not in (EVENTS, CATALOG))
    wanted = {topic.name: topic.count(partitions) for topic in of_log_first}
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
    """Check that every partition of the log still begins at offset 0. Raises: LogCutError if records were deleted."""
    for topic, count in ((EVENTS, partitions), (CATALOG, 1)):
        for partition, offset in (await reader.beginning_offsets(topic, range(count))).items():
            if offset:
                raise LogCutError(reader.cluster, topic, partition, offset)


async def check_ends(reader: LogReader, positions: Iterable[Known]) -> None:
    """Check that every partition is at least as long as it was known to be. Raises: LogWentBackError."""
    for topic, offsets in _by_topic(positions).items():
        ends = await reader.end_offsets(topic, offsets)
        for partition, offset in offsets.items():
            if ends[partition] < offset:
                raise LogWentBackError(reader.cluster, topic, partition, ends[partition], offset)


async def check_unread(reader: LogReader, positions: Iterable[Known]) -> None:
    """Check that retention has deleted no usage that was not read yet. Raises: UsageLostError."""
    read = {position.partition: position.next_offset for position in positions if position.topic == USAGE}
    for partition, beginning in (await reader.beginning_offsets(USAGE, read)).items():
        if beginning > read[partition]:
            raise UsageLostError(reader.cluster, partition, beginning, read[partition])


async def check_records(reader: LogReader, positions: Iterable[Known]) -> None:
    """Check that the record at each known mark is still the same one, unless retention has deleted it.

    Call `check_ends` before: this needs every mark's offset to exist. Raises: LogChangedError.
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
    """Topic -> partition -> the highest next offset that is known."""
    by_topic: dict[str, dict[int, int]] = defaultdict(dict)
    for position in positions:
        furthest = by_topic[position.topic]
        furthest[position.partition] = max(position.next_offset, furthest.get(position.partition, 0))
    return by_topic


#: Most records that are read from the end of a partition. Except on the busiest systems these include a tick of the
#: relay's, which writes one each quarter hour; where they do not, the relay's note in Kafka suffices.
TAIL_RECORDS_MAX = 200_000

#: (topic, partition) of the log -> source -> last sequence.
Tails = dict[tuple[str, int], LastSequences]


class _Numbered(msgspec.Struct):
    source: str
    sequence: int


_NUMBERED = msgspec.json.Decoder(_Numbered)


def numbered(record: FetchedRecord, origins: Origins) -> tuple[str, int] | None:
    """Source and sequence of a record, if its source is one of ours; None for foreign records."""
    try:
        sourced = _NUMBERED.decode(record.value or b"")
    except NOT_JSON:
        return None
    return (sourced.source, sourced.sequence) if origins.own(sourced.source) else None


async def last_sequences(reader: LogReader, topic: str, partition: int, start: int, origins: Origins) -> LastSequences:
    """The highest sequence of each of our sources, in the partition's records from offset `start` on, and in no more
    than its last TAIL_RECORDS_MAX offsets.
    """
    end = (await reader.end_offsets(topic, [partition]))[partition]
    sequences = LastSequences()
    async for records in reader.read(topic, partition, max(start, end - TAIL_RECORDS_MAX), end):
        for record in records:
            number = numbered(record, origins)
            if number is not None:
                sequences.accepts(*number)
    return sequences


async def read_tails(connection: Any, reader: LogReader, generations: Generations, positions: list[Known]) -> Tails:
    """The last sequences in each partition of the log, read from where the relay last wrote. The relay needs them to
    write nothing twice.

    `positions`: those of the relay. Raises: StoreWentBackError if the log holds an event that the store does not have.
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
    """Every (topic, partition) of the log: those of `billing.events`, then `billing.catalog`."""
    return [*((EVENTS, partition) for partition in range(partitions)), (CATALOG, 0)]
