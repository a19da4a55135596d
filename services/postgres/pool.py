"""A pool of connections to Postgres, taken by turns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import asyncpg

from services.concurrency import Turns
from services.failures import Passing
from services.postgres.connection import (
    CONNECT_SECONDS,
    STATEMENT_SECONDS,
    Connection,
    Fence,
    PostgresUnreachableError,
    throw_away,
)


class Postgres:
    """A pool that opens at once and connects when it is used, so that a process outlives a restart of the server.

    Connections are taken by turns: whoever holds one must not wait for another, nor for anything but Postgres.
    """

    def __init__(
        self, url: str, pool: "asyncpg.Pool[Any]", turns: Turns, fence: Fence | None = None, whose: str = ""
    ) -> None:
        self.url, self._pool, self._turns, self._fence, self._whose = url, pool, turns, fence, whose

    def of(self, organization: str) -> Self:
        """The same pool, whose connections are taken in the organization's turn."""
        return type(self)(self.url, self._pool, self._turns, self._fence, organization)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool, in its turn. Raises: PostgresUnreachableError, NoTurnError."""
        async with self._turns.turn(self._whose):
            try:
                raw = await self._pool.acquire(timeout=CONNECT_SECONDS)
            except Passing:
                raise
            except Exception as error:
                raise PostgresUnreachableError(self.url, error) from error
            connection = Connection(raw, self.url, self._fence)
            try:
                yield connection
            finally:
                await self._release(raw, connection)

    async def _release(self, raw: Any, connection: Connection) -> None:
        """Nothing depends on it any more: one that cannot be given back, or in the middle of a statement, is thrown
        away, and the pool makes another.
        """
        if connection.is_at_work:
            throw_away(raw)
        try:
            await self._pool.release(raw)
        except Exception:
            throw_away(raw)

    @asynccontextmanager
    async def transaction(self, isolation: str | None = None) -> AsyncIterator[Connection]:
        """A connection in a transaction, committed at the end of the block. Raises: PostgresUnreachableError."""
        async with self.connection() as connection, connection.transaction(isolation=isolation):
            yield connection


@asynccontextmanager
async def open_postgres(
    url: str, *, most: int = 10, share: int | None = None, fence: Fence | None = None
) -> AsyncIterator[Postgres]:
    """A pool of at most `most` connections for the length of a block, `share` of them (all) for one organization.

    One with a fence connects when it is first used. Raises: PostgresUnreachableError.
    """
    try:
        pool = await asyncpg.create_pool(
            url,
            # asyncpg would keep up a floor by itself, and tell of each failure with all its frames.
            min_size=0,
            max_size=most,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            init=fence.admit if fence else None,
            reset=_as_it_is,
        )
        if fence is None:
            await pool.release(await pool.acquire(timeout=CONNECT_SECONDS))
    except Exception as error:
        raise PostgresUnreachableError(url, error) from error
    try:
        yield Postgres(url, pool, Turns("a connection to Postgres", most, share or most), fence)
    finally:
        await _close(pool)


async def _as_it_is(connection: Any) -> None:
    """Given back without a word to the server: a transaction that is open was rolled back by now, and nothing that is
    done on a pool's connection outlives its transaction: locks and settings are the transaction's. What belongs to a
    session needs a connection of its own, `connected`.
    """


async def _close(pool: "asyncpg.Pool[Any]") -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await pool.close()
    except (Exception, asyncio.CancelledError):
        pool.terminate()
