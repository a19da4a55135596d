"""Which schema holds the live read models: a row that every transaction on them asks for first.

Every transaction sets `search_path` for itself and finds all tables there; no statement names a schema.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.postgres import Postgres

_LIVE = "SELECT name FROM store.live_schema"
_PATH = "SELECT set_config('search_path', $1, true)"


async def live_schema(connection: Any) -> str:
    """The name of the live schema, as every reader asks for it first."""
    name = await connection.fetchval(_LIVE)
    assert isinstance(name, str)
    return name


async def use_schema(connection: Any, schema: str) -> None:
    """Let the rest of the transaction find its tables in this schema."""
    await connection.execute(_PATH, schema)


@asynccontextmanager
async def reading_live(postgres: Postgres) -> AsyncIterator[Any]:
    """One snapshot of the live read models, for queries: a swap meanwhile changes nothing in it."""
    async with postgres.transaction(isolation="repeatable_read") as connection:
        await use_schema(connection, await live_schema(connection))
        yield connection
