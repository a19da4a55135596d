"""The relay's progress in Postgres: the position that Kafka has acknowledged, moved by compare-and-set only."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from projections.readmodels import columns
from services.failures import Passing, Worded
from services.kafka import Mark
from services.postgres.locks import Lock, try_lock
from services.store.events import RELAYED
from services.store.lost_rows import RELAY, LostRowsError
from services.store.rows import COLUMNS

#: A topic and a partition.
TopicPartition = tuple[str, int]
#: One step carries at most this many events and about this many bytes; a larger event goes alone.
STEP_EVENTS = 500
STEP_BYTES = 8 * 1024 * 1024
_READ = "SELECT position, tick, quarter FROM store.relay"
_NEXT = f"""
SELECT {COLUMNS} FROM (
    SELECT {COLUMNS}, row_number() OVER w AS number, sum(octet_length(data::text)) OVER w AS bytes
    FROM (SELECT * FROM store.events WHERE position > $1 ORDER BY position LIMIT {STEP_EVENTS}) AS upcoming
    WINDOW w AS (ORDER BY position)
) AS weighed
WHERE number = 1 OR bytes <= {STEP_BYTES} ORDER BY position
"""
_MOVE = "UPDATE store.relay SET position = $2 WHERE position = $1"
_TICK = "UPDATE store.relay SET tick = $2, quarter = $3 WHERE tick = $1"
_PUT_BACK = """
INSERT INTO store.relay AS held (position, tick) VALUES ($1, $2)
ON CONFLICT (single) DO UPDATE SET position = $1, tick = greatest(held.tick, $2), quarter = 0
"""
_FORGET_MARKS = "DELETE FROM store.marks"
_MARKS = """
INSERT INTO store.marks (topic, partition, next_offset, record_offset, record_ms, record_digest)
SELECT topic, partition, record + 1, record, ms, digest
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bytea[])
    AS given (topic, partition, record, ms, digest)
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset,
    record_offset = EXCLUDED.record_offset, record_ms = EXCLUDED.record_ms, record_digest = EXCLUDED.record_digest
WHERE marks.next_offset < EXCLUDED.next_offset
"""
_REACHED = """
INSERT INTO store.marks (topic, partition, next_offset)
SELECT topic, partition, next_offset FROM unnest($1::text[], $2::integer[], $3::bigint[])
    AS given (topic, partition, next_offset)
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset
WHERE marks.next_offset < EXCLUDED.next_offset
"""
_NOTIFY = f"SELECT pg_notify('{RELAYED}', '')"


class CursorMovedError(Worded, Passing):
    """the relay's cursor is not where this relay left it: another relay is at work"""


async def try_lead(connection: Any) -> bool:
    """Become the one relay. The lock belongs to the connection, so it goes when this process or the server does."""
    return await try_lock(connection, Lock.RELAY)


class Cursor(NamedTuple):
    """Last acknowledged position; sequence of the last tick, and the quarter hour since 1970 that it told."""

    position: int
    tick: int
    quarter: int


async def read_cursor(connection: Any) -> Cursor:
    """The position up to which the last relay's records were acknowledged. Raises: LostRowsError."""
    row = await connection.fetchrow(_READ)
    if row is None:
        raise LostRowsError(tables=RELAY)
    return Cursor(row["position"], row["tick"], row["quarter"])


async def next_events(connection: Any, position: int) -> list[Mapping[str, Any]]:
    """The events after a position, in order, for one step."""
    return list(await connection.fetch(_NEXT, position))


async def move(connection: Any, old: int, new: int, marks: Mapping[TopicPartition, Mark]) -> None:
    """Note that everything up to `new` is acknowledged; `marks` are the last records written. Raises:
    CursorMovedError.
    """
    await _set(connection, _MOVE, (old, new), marks)


async def move_tick(connection: Any, old: int, new: int, quarter: int, marks: Mapping[TopicPartition, Mark]) -> None:
    """Note that every partition has the tick `new` of the quarter hour. Raises: CursorMovedError."""
    await _set(connection, _TICK, (old, new, quarter), marks)


async def _set(
    connection: Any, statement: str, arguments: tuple[int, ...], marks: Mapping[TopicPartition, Mark]
) -> None:
    async with connection.transaction():
        if await connection.execute(statement, *arguments) != "UPDATE 1":
            raise CursorMovedError
        await put_marks(connection, marks)
        await connection.execute(_NOTIFY)


async def put_back(connection: Any, position: int, tick: int) -> None:
    """Put the relay back: it resumes after this event, and numbers its ticks after this one; its marks are deleted."""
    await connection.execute(_PUT_BACK, position, tick)
    await connection.execute(_FORGET_MARKS)


async def put_marks(connection: Any, marks: Mapping[TopicPartition, Mark]) -> None:
    """Note the last record that was written to each partition."""
    rows = [(*topic_partition, *mark) for topic_partition, mark in marks.items()]
    await connection.execute(_MARKS, *columns(rows, 5))


async def put_reached(connection: Any, ends: Mapping[TopicPartition, int]) -> None:
    """Note that all records of relays stand before these offsets; the marks of the last records stay."""
    rows = [(*topic_partition, end) for topic_partition, end in ends.items()]
    await connection.execute(_REACHED, *columns(rows, 3))
