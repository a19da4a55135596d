"""Topic `usage` was made anew, restored, or has lost its end: it goes on under another name.

Offsets of a topic made anew start at 0 again, so under the old name its records would be taken for old ones. What was
rated under the old name still counts, and a record of the same id that is read again is a duplicate.

A topic that was restored, or copied from another cluster, holds the same records at other offsets. How far it was read
says the log, by the source that read it, its sequence, and the time and hash of the last record: behind that record it
goes on. Where it is not found, what may not have been read is read again.
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog

from events.dates import from_ms
from events.sources import WINDOW_DAYS
from events.topics import EVENTS, USAGE
from services.breaks import BreakError
from services.continuity.check import check_ends, check_records, check_unread
from services.continuity.memory import Known, read
from services.kafka import Cluster, LogReader, mark_of
from services.store.generations import load_generations

#: Of a topic that has only lost its end no record is read a second time whose id may be forgotten by then.
READ_AGAIN = timedelta(days=WINDOW_DAYS - 1)
_PAST = """
INSERT INTO store.past_generations (part, generation)
SELECT part, generation FROM store.generations WHERE part = $1
"""
_ANEW = "UPDATE store.generations SET generation = $2, begins = $3, made_at = now() WHERE part = $1"
_log = structlog.get_logger(__name__)


async def begin_usage_anew(connection: Any, cluster: Cluster, more: Sequence[Known] = ()) -> None:
    """Give `usage` a new name and the offsets from which it is read, unless it is as it was read.

    `more` is what is known of it besides what the read models say.
    Raises: KafkaUnreachableError.
    """
    generations = await load_generations(connection)
    positions = await read(connection, generations)
    of_log = list({position.partition: position for position in more}.values())  # of several names the last one's
    furthest = _furthest([*of_log, *(position for position in positions if position.topic == USAGE)])
    async with LogReader(cluster) as reader:
        lost = await _lost(reader, furthest)
        if lost is None:
            _log.info("usage_is_as_it_was_read", generation=generations.usage)
            return
        # Read models that are ahead of a log that was restored tell of usage that it does not hold any more.
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
    """Of each partition what reaches furthest."""
    return list(
        {
            position.partition: position for position in sorted(positions, key=lambda position: position.next_offset)
        }.values()
    )


async def _lost(reader: LogReader, positions: Sequence[Known]) -> str | None:
    """What is wrong with the topics; None if they go on from what was read."""
    try:
        await check_unread(reader, positions)
        await check_ends(reader, positions)
        await check_records(reader, positions)
    except BreakError as error:
        return str(error)
    return None


async def _begins(reader: LogReader, positions: Sequence[Known], partitions: int) -> dict[int, int]:
    """The first record of each partition that may not have been read, by when the last one read was appended."""
    begins = await reader.beginning_offsets(USAGE, range(partitions))
    for last in positions:
        if last.mark is not None:
            moment = from_ms(last.mark.ms) - READ_AGAIN
            begins |= await reader.offsets_after(USAGE, [last.partition], moment)
    return begins


async def _behind(reader: LogReader, positions: Sequence[Known]) -> dict[int, int]:
    """The offset behind the last record that was read, of each partition in which it stands at another offset now."""
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
