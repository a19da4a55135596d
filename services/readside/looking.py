"""How far everything is, in one look at Postgres: event store, relay, and what the live read models have folded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events.topics import EVENTS
from services.postgres import OwnConnection, TablesMovedError
from services.store.generations import GENERATIONS, Generations, NotMigratedError, generations_of

_LIVE = "SELECT name FROM store.live_schema"
#: The name of the live schema stands in its answer: what was read of another one does not count.
_LOOK = f"""
SELECT
    (SELECT name FROM store.live_schema) AS live,
    (SELECT coalesce(max(position), 0) FROM store.events) AS head,
    (SELECT position FROM store.relay) AS relayed,
    ({GENERATIONS}) AS generations,
    (SELECT json_agg(json_build_array(partition, next_offset, catalog_offset, sequences))
     FROM "{{schema}}".positions WHERE topic = '{EVENTS}')::text AS positions
"""
#: Replays that swap schemas again and again are not to be waited for.
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Progress:
    """What the live read models have folded, by partition of `billing.events`."""

    next_offsets: Mapping[int, int]
    catalog_offsets: Mapping[int, int]
    sequences: Mapping[int, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: the newest position of the event store, the one that Kafka has acknowledged, the read models."""

    head: int
    relayed: int
    projected: Progress
    generations: Generations


class Looker:
    """Looks through a connection of its own, so that a look never waits until the pool has room."""

    def __init__(self, database_url: str) -> None:
        self._connection = OwnConnection(database_url)
        self._schema: str | None = None

    async def look(self) -> Seen:
        """How far everything is now. Raises: PostgresUnreachableError, NotMigratedError."""
        async with self._connection.use() as connection:
            for _ in range(_ATTEMPTS):
                row = await self._row(connection)
                if row is not None and row["live"] == self._schema:
                    return _seen(row)
                self._schema = None
        raise NotMigratedError

    async def _row(self, connection: Any) -> Mapping[str, Any] | None:
        """None: the schema that was live has been dropped since."""
        if self._schema is None:
            try:
                self._schema = await connection.fetchval(_LIVE)
            except TablesMovedError as error:
                raise NotMigratedError from error
        try:
            row: Mapping[str, Any] = await connection.fetchrow(_LOOK.format(schema=self._schema))
        except TablesMovedError:
            return None
        return row

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()


def _seen(row: Mapping[str, Any]) -> Seen:
    positions = json.loads(row["positions"] or "[]")
    progress = Progress(
        {partition: offset for partition, offset, _, _ in positions},
        {partition: offset for partition, _, offset, _ in positions},
        {partition: sequences for partition, _, _, sequences in positions},
    )
    return Seen(row["head"], row["relayed"], progress, generations_of(row["generations"]))
