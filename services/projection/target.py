"""Where a projection writes: the live schema, or one that is being filled."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from services.postgres import Postgres
from services.readside.live import Live, read_live, use_schema


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
    """The live schema, whichever it is; memory is good for one of them only.

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
