"""Connections beside the pool: for what belongs to a session, and for what must not wait until the pool has room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from services.postgres.connection import Connection, PostgresUnreachableError

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 60.0


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """One connection of its own, for what belongs to a session. Raises: PostgresUnreachableError."""
    raw = await _connect(url)
    try:
        yield Connection(raw, url)
    finally:
        raw.terminate()


async def _connect(url: str) -> Any:
    try:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS)
    except Exception as error:
        raise PostgresUnreachableError(url, error) from error


class OwnConnection:
    """One connection beside the pool, used by one at a time, kept in between and made anew after any error.

    For what must not wait until the pool has room: it costs a session of the server, so there are few.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._busy = asyncio.Lock()
        self._held: Any = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """The connection, for the length of the block. Raises: PostgresUnreachableError."""
        async with self._busy:
            raw, self._held = self._held, None
            if raw is None or raw.is_closed():
                raw = await _connect(self._url)
            try:
                yield Connection(raw, self._url)
                self._held = raw
            finally:
                if self._held is None:
                    raw.terminate()

    def close(self) -> None:
        """End it; what uses it now fails."""
        if self._held is not None:
            self._held.terminate()
            self._held = None
