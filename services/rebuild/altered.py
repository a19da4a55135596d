"""Events of the store that a hand has changed: the log has them as they were decided.

The log is right wherever Kafka has acknowledged it. Of events behind that, `refill.strays` finds what contradicts it.
"""

from collections.abc import Mapping
from typing import Any

from events.codec import decode, encode
from events.facts.base import Route
from services.rebuild.refill import logged_events
from services.store.rows import COLUMNS, NewerEventError, envelope_of
from services.store.streams import stream_of

_HELD = f"SELECT stream, {COLUMNS} FROM store.events WHERE position = $1"
_REMOVE = "DELETE FROM store.events WHERE position = ANY ($1::bigint[])"
_ORGANIZATIONS = "SELECT DISTINCT organization FROM store.events"
_REMEMBER = "CREATE TEMPORARY TABLE entities_before ON COMMIT DROP AS TABLE store.entities"
_NOW, _BEFORE = (
    f"SELECT organization, kind, id, to_jsonb(held) FROM {table} AS held"
    for table in ("store.entities", "entities_before")
)
_CHANGED = f"""
SELECT count(*) FROM (
    SELECT organization, kind, id FROM ({_NOW} EXCEPT {_BEFORE}) AS mended
    UNION SELECT organization, kind, id FROM ({_BEFORE} EXCEPT {_NOW}) AS wrong
) AS changed
"""


async def remove_altered(connection: Any, generation: str, acknowledged: int) -> list[int]:
    """Remove acknowledged events that are not what the log holds, for `refill` to insert; returns their positions."""
    positions = []
    async for position, partition, record in logged_events(connection):
        if position <= acknowledged:
            row = await connection.fetchrow(_HELD, position)
            if row is not None and not _is_as_logged(row, generation, partition, record):
                positions.append(position)
    await connection.execute(_REMOVE, positions)
    return positions


def _is_as_logged(row: Mapping[str, Any], generation: str, partition: int | None, record: bytes) -> bool:
    logged = decode(record)
    route = logged.data.route
    where = (stream_of(logged.data), route.value, partition if route in (Route.ACCOUNT, Route.BOTH) else None)
    try:
        return where == (row["stream"], row["route"], row["partition"]) and encode(logged) == encode(
            envelope_of(row, generation)
        )
    except (ValueError, KeyError, NewerEventError):
        return False  # it is no fact any more


async def organizations_of(connection: Any) -> set[str]:
    """All organizations that have events."""
    return {row["organization"] for row in await connection.fetch(_ORGANIZATIONS)}


async def remember_view(connection: Any) -> None:
    """Keep the rows of the command side's view until the transaction ends, for `changed_in_view`."""
    await connection.execute(_REMEMBER)


async def changed_in_view(connection: Any) -> int:
    """The number of resources whose rows were missing, too many, or other than they are now."""
    return int(await connection.fetchval(_CHANGED))
