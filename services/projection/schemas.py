"""Schemas of read models: the one that a projection writes, and those beside the live schema: created, found and
dropped.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import structlog

from services.apart.board import end_others
from services.apart.claims import Claim
from services.failures import ExpectedFailure, Worded
from services.postgres import Postgres, PostgresUnreachableError
from services.postgres.locks import Lock, try_lock, unlock
from services.readside.live import Live, create_read_models, read_live, use_schema

#: Longer than a replay waits after its swap for the last readers of the old schema.
PATIENCE_S = 15.0
#: How long to wait until a schema that is no longer needed is not used either.
UNUSED_SECONDS = 10.0
LOOK_SECONDS = 0.5
#: `rm_audit` is what an audit of an earlier version left when it was killed.
_SCHEMAS = r"SELECT nspname FROM pg_namespace WHERE nspname ~ '^rm_(\d+|audit)$' ORDER BY nspname"
#: Whether another session of this database holds a lock on any of its tables. Postgres's own sessions, which have no
#: user, do not matter. Other sessions are visible only with their user's rights.
_USED = """
SELECT EXISTS (
    SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
    JOIN pg_class ON pg_class.oid = relation JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1 AND pid <> pg_backend_pid() AND datname = current_database() AND usesysid IS NOT NULL
)
"""
log = structlog.get_logger(__name__)


class SchemaMovedError(Exception):
    """The live schema is no longer the one that memory was loaded from."""


class Target(Protocol):
    """Transactions on one schema of read models."""

    def reading(self) -> AbstractAsyncContextManager[Any]:
        """A transaction that only reads."""
        ...

    def writing(self) -> AbstractAsyncContextManager[Any]:
        """A transaction, committed at the end of the block."""
        ...


class FixedTarget:
    """A schema of a replay or an audit; nobody else writes the same partitions. With a claim each transaction holds it:
    then PartLostError is raised once it is another's.
    """

    def __init__(self, postgres: Postgres, schema: str, claim: Claim | None = None) -> None:
        self._postgres, self._claim = postgres, claim
        self.schema = schema

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        # A whole partition may be merged and sorted between two statements.
        async with self._postgres.transaction(patient=True) as connection:
            if self._claim is not None:
                await self._claim.hold(connection)
            await use_schema(connection, self.schema)
            yield connection

    writing = reading


class LiveTarget:
    """The live schema; memory is valid for one schema only.

    If the live schema changes after the first transaction since `forget`, `reading` and `writing` raise
    SchemaMovedError. If the new one has another version, they raise OutdatedReadModelsError, because its columns may
    mean something else.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._schema: str | None = None

    def forget(self) -> None:
        """Accept whatever schema is live at the next transaction, because memory was dropped."""
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
    """Let other processes work on schemas. The lock is released at once: a server may notice a closed connection only
    later.
    """
    with contextlib.suppress(PostgresUnreachableError):  # then the connection took the lock with it
        await unlock(connection, Lock.READ_MODELS)


async def lock_schemas(connection: Any) -> None:
    """Keep other processes from working on schemas until `unlock_schemas`, or until the connection, which is not from a
    pool, is lost.

    It waits for a replay that has just swapped and is dropping the old schema. Works that a killed leader shared are
    ended. Raises: AlreadyRunningError.
    """
    over = time.monotonic() + PATIENCE_S
    while not await try_lock(connection, Lock.READ_MODELS):
        if time.monotonic() > over:
            raise AlreadyRunningError
        await asyncio.sleep(LOOK_SECONDS)
    await end_others(connection)


async def fresh_schema(postgres: Postgres) -> str:
    """An empty schema for a replay or an audit, with the highest number; leftovers of earlier ones are dropped."""
    async with postgres.transaction() as connection:
        names = await _drop_leftovers(connection)
        numbers = [int(numbered[1]) for name in names if (numbered := re.fullmatch(r"rm_(\d+)", name))]
        name = f"rm_{max(numbers, default=0) + 1}"
        await create_read_models(connection, name)
    return name


async def drop_leftovers(postgres: Postgres) -> None:
    """Drop leftovers of a killed replay or audit, unless one is running."""
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
    """Drop all schemas but the live one, which cannot change before the transaction ends; returns the former
    schemas.
    """
    live = await read_live(connection, "FOR SHARE")
    names = [row["nspname"] for row in await connection.fetch(_SCHEMAS)]
    for name in names:
        if name != live.schema and not await drop_unused(connection, name):
            log.warning("schema_left_behind", schema=name, note="a session uses it")
    return names


async def drop_unused(connection: Any, name: str) -> bool:
    """Drop a schema that is not live. Returns False if a session still uses it; it never waits for that session."""
    if await connection.fetchval(_USED, name):
        return False
    await drop_schema(connection, name)
    return True


async def drop_when_unused(connection: Any, name: str) -> None:
    """Drop a schema that is not live once no session uses it; if that takes too long, the next projector that starts
    drops it.
    """
    over = time.monotonic() + UNUSED_SECONDS
    while not await drop_unused(connection, name):
        if time.monotonic() > over:
            log.warning("schema_left_behind", schema=name, note="a session uses it; the next projector drops it")
            return
        await asyncio.sleep(LOOK_SECONDS)


async def drop_schema(connection: Any, name: str) -> None:
    """Drop a schema that is not live. The name was read from the database or made here."""
    await connection.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')
