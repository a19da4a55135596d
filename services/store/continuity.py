"""Has time gone back? A topic made anew or a database restored would let readers mistake new records for old ones.

The sequence rule (design, decision 5) rests on numbers that only grow. If they do not, nothing that is derived can be
trusted, so the process stops and says what it found. Called by the relay, the ingest worker and the projector at start.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec

from events.topics import CATALOG, EVENTS, commands_source
from services.failures import ExpectedFailure
from services.kafka import LogReader
from services.store.events import head
from services.store.generations import Generations

#: Of each partition at most this much of the tail is read; the relay's ticks, each quarter hour, lie in it on all but
#: the busiest systems.
TAIL_RECORDS_MAX = 200_000
_OFFSETS = "SELECT topic, partition, next_offset FROM store.relay_offsets"


class LogWentBackError(ExpectedFailure):
    """{topic}/{partition} ends at offset {end}, but {expected} was seen before: it was made anew or truncated."""

    def __init__(self, topic: str, partition: int, end: int, expected: int) -> None:
        super().__init__(
            f"{topic}/{partition} ends at offset {end}, but {expected} was seen before: the topic was made anew or"
            " truncated; restore it, or begin with an empty database and run `trueup replay`"
        )


class StoreWentBackError(ExpectedFailure):
    """The log holds event {sequence} of the event store, whose newest is {head}: Postgres was restored."""

    def __init__(self, topic: str, partition: int, sequence: int, head: int) -> None:
        super().__init__(
            f"{topic}/{partition} holds event {sequence} of the event store, whose newest is {head}: Postgres was"
            " restored from an older backup; restore a newer one"
        )


class _Numbered(msgspec.Struct):
    source: str
    sequence: int


_NUMBERED = msgspec.json.Decoder(_Numbered)


async def check_offsets(reader: LogReader, seen: Mapping[tuple[str, int], int]) -> None:
    """Every partition reaches at least the next offset that was seen there before. Raises: LogWentBackError."""
    by_topic: dict[str, dict[int, int]] = defaultdict(dict)
    for (topic, partition), offset in seen.items():
        by_topic[topic][partition] = offset
    for topic, offsets in by_topic.items():
        ends = await reader.end_offsets(topic, offsets)
        for partition, offset in offsets.items():
            if ends[partition] < offset:
                raise LogWentBackError(topic, partition, ends[partition], offset)


async def relay_offsets(connection: Any) -> dict[tuple[str, int], int]:
    """How far each partition was when the relay last wrote to it: (topic, partition) -> next offset."""
    return {(row["topic"], row["partition"]): row["next_offset"] for row in await connection.fetch(_OFFSETS)}


async def last_sequences(reader: LogReader, topic: str, partition: int, start: int) -> dict[str, int]:
    """The highest sequence of each source in the partition from offset `start` on (or in its last TAIL_RECORDS_MAX)."""
    end = (await reader.end_offsets(topic, [partition]))[partition]
    found: dict[str, int] = {}
    async for records in reader.read(topic, partition, max(start, end - TAIL_RECORDS_MAX), end):
        for record in records:
            numbered = _NUMBERED.decode(record.value)
            found[numbered.source] = max(numbered.sequence, found.get(numbered.source, -1))
    return found


async def check_continuity(
    connection: Any, reader: LogReader, generations: Generations
) -> dict[tuple[str, int], dict[str, int]]:
    """Neither Kafka's topics nor the event store went back behind what the other knows.

    Returns what it found on the way: (topic, partition) of the log -> last sequence of each source in its tail.
    Raises: LogWentBackError, StoreWentBackError.
    """
    seen = await relay_offsets(connection)
    await check_offsets(reader, seen)
    source, newest = commands_source(generations.commands), await head(connection)
    found = {}
    for topic, partition in log_partitions(generations.partitions):
        last = await last_sequences(reader, topic, partition, seen.get((topic, partition), 0))
        if last.get(source, 0) > newest:
            raise StoreWentBackError(topic, partition, last[source], newest)
        found[topic, partition] = last
    return found


def log_partitions(partitions: int) -> list[tuple[str, int]]:
    """Every partition of the log of record, `billing.events` before `billing.catalog`."""
    return [*((EVENTS, partition) for partition in range(partitions)), (CATALOG, 0)]
