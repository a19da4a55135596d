"""Topic `usage` was made anew, or has lost its end: it goes on under another name.

Offsets of a topic made anew start at 0 again, so under the old name its records would be taken for old ones. What was
rated under the old name still counts, and a record of the same id that is read again is a duplicate.
"""

import json
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog

from events.topics import USAGE
from services.breaks import BreakError
from services.continuity.check import check_ends, check_records, check_unread
from services.continuity.memory import Known, read
from services.kafka import EPOCH, Cluster, LogReader
from services.store.generations import load_generations

#: Ids are remembered for 35 days: of a topic that has only lost its end no older record is read a second time.
READ_AGAIN = timedelta(days=34)
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
    by_partition = {place.partition: place for place in more}
    for place in await read(connection, generations):
        if place.topic == USAGE and place.next_offset >= by_partition.get(place.partition, place).next_offset:
            by_partition[place.partition] = place
    known = list(by_partition.values())
    async with LogReader(cluster) as reader:
        lost = await _lost(reader, known)
        if lost is None:
            _log.info("usage_is_as_it_was_read", generation=generations.usage)
            return
        begins = await _begins(reader, known, generations.partitions)
    async with connection.transaction():
        await connection.execute(_PAST, USAGE)
        await connection.execute(_ANEW, USAGE, secrets.token_hex(4), json.dumps(begins))
    _log.warning(
        "usage_begins_anew",
        why=lost,
        read_before={place.partition: place.next_offset for place in known},
        begins=begins,
    )


async def _lost(reader: LogReader, known: list[Known]) -> str | None:
    """What is wrong with the topic; None if it goes on from what was read."""
    try:
        await check_unread(reader, known)
        await check_ends(reader, known)
        await check_records(reader, known)
    except BreakError as error:
        return str(error)
    return None


async def _begins(reader: LogReader, known: list[Known], partitions: int) -> dict[int, int]:
    """The first record of each partition that may not have been read, by when the last one read was appended."""
    begins = await reader.beginning_offsets(USAGE, range(partitions))
    for last in known:
        if last.mark is not None:
            moment = EPOCH + timedelta(milliseconds=last.mark.ms) - READ_AGAIN
            begins |= await reader.offsets_after(USAGE, [last.partition], moment)
    return begins
