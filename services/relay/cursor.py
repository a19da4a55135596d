"""The relay's progress in Postgres: what Kafka has acknowledged, moved by compare-and-set only."""

from collections.abc import Mapping
from typing import Any

from services.store.events import RELAYED
from services.store.rows import COLUMNS

#: One step carries at most this many events and about this many bytes; a larger event goes alone.
STEP_EVENTS = 500
STEP_BYTES = 8 * 1024 * 1024
RELAY_LOCK = 7_217_003
_TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
_READ = "SELECT position, tick FROM store.relay"
_NEXT = f"""
SELECT {COLUMNS} FROM (
    SELECT {COLUMNS}, row_number() OVER w AS number, sum(octet_length(data::text)) OVER w AS bytes
    FROM (SELECT * FROM store.events WHERE position > $1 ORDER BY position LIMIT {STEP_EVENTS}) AS upcoming
    WINDOW w AS (ORDER BY position)
) AS weighed
WHERE number = 1 OR bytes <= {STEP_BYTES} ORDER BY position
"""
_MOVE = "UPDATE store.relay SET position = $2 WHERE position = $1"
_TICK = "UPDATE store.relay SET tick = $2 WHERE tick = $1"
_OFFSET = """
INSERT INTO store.relay_offsets (topic, partition, next_offset)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[])
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = greatest(relay_offsets.next_offset, EXCLUDED.next_offset)
"""
_NOTIFY = f"SELECT pg_notify('{RELAYED}', '')"


class CursorMovedError(Exception):
    """The relay's cursor is not where this relay left it: another relay is at work."""

    def __init__(self) -> None:
        super().__init__("the relay's cursor is not where this relay left it: another relay is at work")


async def try_lead(connection: Any) -> bool:
    """Become the one relay. The lock belongs to the connection, so it goes when this process or the server does."""
    return bool(await connection.fetchval(_TRY_LOCK, RELAY_LOCK))


async def read_cursor(connection: Any) -> tuple[int, int]:
    """Last acknowledged position, last quarter hour told."""
    row = await connection.fetchrow(_READ)
    return row["position"], row["tick"]


async def next_events(connection: Any, position: int) -> list[Mapping[str, Any]]:
    """The events after a position, in order: one step's worth."""
    return list(await connection.fetch(_NEXT, position))


async def move(connection: Any, old: int, new: int, offsets: Mapping[tuple[str, int], int]) -> None:
    """Everything up to `new` is acknowledged; `offsets` are the ends it reached. Raises: CursorMovedError."""
    await _set(connection, _MOVE, old, new, offsets)


async def move_tick(connection: Any, old: int, new: int, offsets: Mapping[tuple[str, int], int]) -> None:
    """Every partition has been told quarter hour `new`. Raises: CursorMovedError."""
    await _set(connection, _TICK, old, new, offsets)


async def _set(connection: Any, statement: str, old: int, new: int, offsets: Mapping[tuple[str, int], int]) -> None:
    async with connection.transaction():
        if await connection.execute(statement, old, new) != "UPDATE 1":
            raise CursorMovedError
        topics, partitions = [topic for topic, _ in offsets], [partition for _, partition in offsets]
        await connection.execute(_OFFSET, topics, partitions, list(offsets.values()))
        await connection.execute(_NOTIFY)
