"""Which schema holds the live read models, a row that every transaction on them asks for first, and how one is made.

Every transaction sets `search_path` for itself and finds all tables there; no statement names a schema. A schema's
comment says by which definition it was made: a newer program fills its own anew.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from projections.readmodels import registry
from services.postgres import Postgres

FIRST_SCHEMA = "rm_1"
_LIVE = "SELECT name FROM store.live_schema"
_SET_LIVE = "INSERT INTO store.live_schema (name) VALUES ($1)"
_MADE_BY = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = $1"
_log = structlog.get_logger(__name__)
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


async def make_read_models(connection: Any) -> bool:
    """Empty read models, where there are none, or only some that another version made.

    Returns whether the latter were thrown away: then they are to be replayed.
    """
    live = await connection.fetchval(_LIVE)
    if live is None:
        async with connection.transaction():
            await create_read_models(connection, FIRST_SCHEMA)
            await connection.execute(_SET_LIVE, FIRST_SCHEMA)
        return False
    if await connection.fetchval(_MADE_BY, live) == registry.VERSION:
        return False
    _log.warning("read_models_of_another_version", schema=live)
    await begin_read_models_anew(connection)
    return True


async def begin_read_models_anew(connection: Any) -> None:
    """Empty read models take the place of the live ones, which are dropped."""
    async with connection.transaction():
        live = await connection.fetchval(_LIVE)
        await connection.execute(f'DROP SCHEMA "{live}" CASCADE')
        await create_read_models(connection, live)


async def create_read_models(connection: Any, name: str) -> None:
    """Empty read models in a new schema of this name, inside the caller's transaction."""
    await connection.execute(f'CREATE SCHEMA "{name}"')
    await connection.execute(f'SET LOCAL search_path = "{name}"')
    await connection.execute(registry.SCHEMA)
    await connection.execute("RESET search_path")
    await connection.execute(f"COMMENT ON SCHEMA \"{name}\" IS '{registry.VERSION}'")
