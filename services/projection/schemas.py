"""Schemas of read models: the one that a projection writes, and those beside the live one, made, found and dropped."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import structlog

from services.failures import ExpectedFailure, Worded
from services.postgres import Postgres, PostgresUnreachableError
from services.postgres.locks import Lock, try_lock, unlock
from services.readside.live import Live, create_read_models, read_live, use_schema

SCRATCH = "rm_audit"
#: Longer than a replay that has swapped waits for the last readers of what it replaced.
PATIENCE_S = 15.0
_SCHEMAS = f"SELECT nspname FROM pg_namespace WHERE nspname ~ '^rm_\\d+$' OR nspname = '{SCRATCH}' ORDER BY nspname"
#: Whether another session of this database holds a lock on any of its tables. Of Postgres's own ones, which have no
#: user, none matters; what else a session is may only be seen by who has its user's rights.
_USED = """
SELECT EXISTS (
    SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
    JOIN pg_class ON pg_class.oid = relation JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1 AND pid <> pg_backend_pid() AND datname = current_database() AND usesysid IS NOT NULL
)
"""
log = structlog.get_logger(__name__)


class SchemaMovedError(Exception):
    """Another schema is live than the one that memory was loaded from."""


class Target(Protocol):
    """Transactions on one schema of read models."""

    def reading(self) -> AbstractAsyncContextManager[Any]:
        """A transaction that only reads."""
        ...

    def writing(self) -> AbstractAsyncContextManager[Any]:
        """A transaction, committed at the end of the block."""
        ...


class FixedTarget:
    """A schema that nobody else writes: replay and audit."""

    def __init__(self, postgres: Postgres, schema: str) -> None:
        self._postgres = postgres
        self.schema = schema

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        async with self._postgres.transaction() as connection:
            await use_schema(connection, self.schema)
            yield connection

    writing = reading


class LiveTarget:
    """The live schema, whichever it is; what is held in memory is good for one schema only.

    Once another schema is live than the first after `forget`, `reading` and `writing` raise SchemaMovedError; once that
    is one of another version, OutdatedReadModelsError: what this program means by a column is not what that one does.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._schema: str | None = None

    def forget(self) -> None:
        """Take whatever is live at the next transaction: memory was dropped."""
        self._schema = None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        async with self._postgres.transaction() as connection:
            await self._use(connection, await read_live(connection))
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Any]:
        async with self._postgres.transaction() as connection:
            await self._use(connection, await read_live(connection, "FOR SHARE"))
            yield connection

    async def _use(self, connection: Any, live: Live) -> None:
        live.require_current()
        if self._schema is None:
            self._schema = live.schema
        if self._schema != live.schema:
            raise SchemaMovedError(f"read models moved from {self._schema} to {live.schema}")
        await use_schema(connection, live.schema)


class AlreadyRunningError(Worded, ExpectedFailure):
    """another replay or audit works on this database, or a projector that fills read models; wait for it, or stop it"""


async def unlock_schemas(connection: Any) -> None:
    """Let others work on schemas. The lock is given back at once: a server may notice only later that a connection is
    closed."""
    with contextlib.suppress(PostgresUnreachableError):  # then the lock went with the connection
        await unlock(connection, Lock.READ_MODELS)


async def lock_schemas(connection: Any) -> None:
    """Keep others from working on schemas until it is unlocked, or the connection, which is no pool's, is lost.

    A replay that has just swapped a schema in is waited for while it drops the old one. Raises: AlreadyRunningError.
    """
    over = time.monotonic() + PATIENCE_S
    while not await try_lock(connection, Lock.READ_MODELS):
        if time.monotonic() > over:
            raise AlreadyRunningError
        await asyncio.sleep(0.5)


async def fresh_schema(postgres: Postgres) -> str:
    """An empty schema for a replay, numbered above all others; what an earlier replay left behind is dropped."""
    async with postgres.transaction() as connection:
        names = await _drop_leftovers(connection)
        numbers = [int(numbered[1]) for name in names if (numbered := re.fullmatch(r"rm_(\d+)", name))]
        name = f"rm_{max(numbers, default=0) + 1}"
        await create_read_models(connection, name)
    return name


async def drop_leftovers(postgres: Postgres) -> None:
    """Drop what a replay or an audit that was killed has left behind, unless one is at work."""
    async with postgres.alone() as guard:
        if not (await read_live(guard)).is_current or len(await guard.fetch(_SCHEMAS)) == 1:
            return
        if await try_lock(guard, Lock.READ_MODELS):
            try:
                async with guard.transaction():
                    await _drop_leftovers(guard)
            finally:
                await unlock_schemas(guard)


async def _drop_leftovers(connection: Any) -> list[str]:
    """Drop all schemas but the live one, which cannot change before the transaction ends; returns what there was."""
    live = await read_live(connection, "FOR SHARE")
    names = [row["nspname"] for row in await connection.fetch(_SCHEMAS)]
    for name in names:
        if name != live.schema and not await drop_unused(connection, name):
            log.warning("schema_left_behind", schema=name, note="a session uses it")
    return names


async def scratch_schema(postgres: Postgres) -> str:
    """An empty schema for an audit."""
    async with postgres.connection() as connection:
        await drop_schema(connection, SCRATCH)
        async with connection.transaction():
            await create_read_models(connection, SCRATCH)
    return SCRATCH


async def drop_unused(connection: Any, name: str) -> bool:
    """Drop a schema that is not live; False if a session still uses it: nobody waits for that, however long it
    takes."""
    if await connection.fetchval(_USED, name):
        return False
    await drop_schema(connection, name)
    return True


async def drop_schema(connection: Any, name: str) -> None:
    """Drop a schema that is not live. The name is one that was read from the database or made here."""
    await connection.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')
