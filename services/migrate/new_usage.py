"""Goes on after topic `usage` was made anew or restored, or lost its last records: `usage` gets a new generation.

The generation is part of the source of usage records in the log. In a topic that was made anew, offsets start at 0
again, so under the old generation its records would be taken for ones already read. What was rated under the old
generation still counts, and a record with a known id that is read again is a duplicate.

A topic that was restored, or copied from another cluster, holds the same records at other offsets. The log says how far
it was read: it has the time and hash of the last record that was read. Reading goes on behind that record. Where that
record is not found, all records that may not have been read are read again.
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog

from events.dates import from_ms
from events.sources import WINDOW_DAYS
from events.topics import CATALOG, EVENTS, USAGE
from services.breaks import BreakError
from services.continuity.check import check_ends, check_records, check_unread
from services.continuity.memory import Known, read, written
from services.kafka import Cluster, KafkaAdmin, LogReader, mark_of
from services.store.generations import load_generations

#: How far before the last record read reading begins again, by arrival. It is less than the time for which ids are
#: remembered, so records that are read a second time are recognized as duplicates.
READ_AGAIN = timedelta(days=WINDOW_DAYS - 1)
_PAST = """
INSERT INTO store.past_generations (part, generation)
SELECT part, generation FROM store.generations WHERE part = $1
"""
_ANEW = "UPDATE store.generations SET generation = $2, begins = $3, made_at = now() WHERE part = $1"
_log = structlog.get_logger(__name__)


async def check_log_stands(connection: Any, cluster: Cluster) -> None:
    """Check that the log is the one that this database's relay has written, before `usage` of its cluster is read under
    another name: offsets of another cluster would let it begin behind usage that nobody has read.

    A log that does not exist is not checked here. Raises: LogWentBackError, LogChangedError, KafkaUnreachableError.
    """
    async with KafkaAdmin(cluster) as admin, LogReader(cluster) as reader:
        there = await admin.partition_counts([EVENTS, CATALOG])
        positions = [known for known in await written(connection) if known.topic in there]
        await check_ends(reader, positions)
        await check_records(reader, positions)


async def begin_usage_anew(connection: Any, cluster: Cluster, more: Sequence[Known] = ()) -> None:
    """Give `usage` a new generation, and the offsets at which its reading begins, unless the topic is as it was read.

    `more`: positions in `usage` that are known besides those in the read models; of several for one partition, the last
    counts. Raises: KafkaUnreachableError.
    """
    generations = await load_generations(connection)
    positions = await read(connection, generations)
    of_log = list({position.partition: position for position in more}.values())  # of several generations, the last
    furthest = _furthest([*of_log, *(position for position in positions if position.topic == USAGE)])
    async with LogReader(cluster) as reader:
        lost = await _lost(reader, furthest)
        if lost is None:
            _log.info("usage_is_as_it_was_read", generation=generations.usage)
            return
        # Read models may be ahead of a log that was restored. Then usage that they have may be missing in the log, and
        # they must not say how far reading has come.
        fits = await _lost(reader, [position for position in positions if position.topic == EVENTS]) is None
        begins = await _begins(reader, furthest, generations.partitions)
        begins |= await _behind(reader, furthest if fits else of_log)
    async with connection.transaction():
        await connection.execute(_PAST, USAGE)
        await connection.execute(_ANEW, USAGE, secrets.token_hex(4), json.dumps(begins))
    _log.warning(
        "usage_begins_anew",
        why=lost,
        read_before={last.partition: last.next_offset for last in furthest},
        begins=begins,
    )


def _furthest(positions: Iterable[Known]) -> list[Known]:
    """For each partition, the position that reaches furthest."""
    return list(
        {
            position.partition: position for position in sorted(positions, key=lambda position: position.next_offset)
        }.values()
    )


async def _lost(reader: LogReader, positions: Sequence[Known]) -> str | None:
    """What is wrong with the topics, in words; None if everything is where it was when these positions were noted."""
    try:
        await check_unread(reader, positions)
        await check_ends(reader, positions)
        await check_records(reader, positions)
    except BreakError as error:
        return str(error)
    return None


async def _begins(reader: LogReader, positions: Sequence[Known], partitions: int) -> dict[int, int]:
    """The offset in each partition before which all records were surely read: READ_AGAIN before the last one read.

    Partitions without a position begin at their first record.
    """
    begins = await reader.beginning_offsets(USAGE, range(partitions))
    for last in positions:
        if last.mark is not None:
            moment = from_ms(last.mark.ms) - READ_AGAIN
            begins |= await reader.offsets_after(USAGE, [last.partition], moment)
    return begins


async def _behind(reader: LogReader, positions: Sequence[Known]) -> dict[int, int]:
    """The offset behind the last record that was read, in each partition where that record is found, at any offset."""
    behind: dict[int, int] = {}
    for last in positions:
        if last.mark is None:
            continue
        before = from_ms(last.mark.ms - 1)
        [start] = (await reader.offsets_after(USAGE, [last.partition], before)).values()
        [end] = (await reader.offsets_after(USAGE, [last.partition], before + timedelta(milliseconds=1))).values()
        async for records in reader.read(USAGE, last.partition, start, end):
            for record in records:
                if mark_of(record)._replace(offset=last.mark.offset) == last.mark:
                    behind.setdefault(last.partition, record.offset + 1)
    return behind
