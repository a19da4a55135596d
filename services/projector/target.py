"""Where a projection writes: the live schema, or one that is being filled.

Every transaction sets `search_path` for itself and finds all tables there; no statement names a schema.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from services.postgres import Postgres

#: SHARE lets projectors work side by side and makes a swap wait for those that are writing, and them for the swap.
_LIVE_FOR_WRITING = "SELECT name FROM store.live_schema FOR SHARE"
_LIVE = "SELECT name FROM store.live_schema"
_PATH = "SELECT set_config('search_path', $1, true)"


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
    """The live schema, whichever it is; memory is good for one of them only.

    Raises SchemaMovedError from `reading` and `writing` once another schema is live than at the last `settle_on`.
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
            await self._use(connection, await live_schema(connection))
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Any]:
        async with self._postgres.transaction() as connection:
            await self._use(connection, await connection.fetchval(_LIVE_FOR_WRITING))
            yield connection

    async def _use(self, connection: Any, live: str) -> None:
        if self._schema is None:
            self._schema = live
        if self._schema != live:
            raise SchemaMovedError(f"read models moved from {self._schema} to {live}")
        await use_schema(connection, live)
