"""A pool of connections to Postgres, connections beside it, and errors that name the address that was tried."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import asyncpg

from services.failures import ExpectedFailure
from services.settings import redacted
from services.turns import Turns

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 60.0

#: What an absent, stopping or restarting server looks like to a client.
AWAY: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


def is_away(error: BaseException) -> bool:
    """Whether the error says that the server is not there; asyncpg's own word for a lost connection is InterfaceError.

    A wrong argument is an InterfaceError too, but a ValueError as well: that is a bug and stays one. A connection that
    was lost in the middle of an operation may say InternalClientError: "another operation is in progress".
    """
    lost = isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError)
    return isinstance(error, AWAY) or (lost and not isinstance(error, ValueError))


class PostgresUnreachableError(ExpectedFailure):
    """Postgres at {url} did not answer: {cause}."""

    def __init__(self, url: str, cause: BaseException) -> None:
        what = str(cause) or type(cause).__name__
        super().__init__(f"Postgres at {redacted(url)} did not answer: {what}")


class Postgres:
    """A pool that opens at once and connects when it is used, so that a process outlives a restart of the server.

    Connections are taken by turns: whoever holds one must not wait for another, nor for anything but Postgres.
    """

    def __init__(self, url: str, pool: "asyncpg.Pool[Any]", turns: Turns, whose: str = "") -> None:
        self.url, self._pool, self._turns, self._whose = url, pool, turns, whose

    def of(self, organization: str) -> Self:
        """The same pool, whose connections are taken in the organization's turn."""
        return type(self)(self.url, self._pool, self._turns, organization)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection of the pool, in its turn.

        Raises: PostgresUnreachableError, also when the server goes away meanwhile; NoTurnError.
        """
        async with self._turns.turn(self._whose):
            try:
                async with self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
                    yield connection
            except Exception as error:
                if is_away(error):
                    raise PostgresUnreachableError(self.url, error) from error
                raise

    @asynccontextmanager
    async def transaction(self, isolation: str | None = None) -> AsyncIterator[Any]:
        """A connection in a transaction, committed at the end of the block. Raises: PostgresUnreachableError."""
        async with self.connection() as connection, connection.transaction(isolation=isolation):
            yield connection


class OwnConnection:
    """One connection beside the pool, used by one at a time, kept in between and made anew after any error.

    For what must not wait until the pool has room: it costs a session of the server, so there are few.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._busy = asyncio.Lock()
        self._held: Any = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Any]:
        """The connection, for the length of the block. Raises: PostgresUnreachableError."""
        async with self._busy:
            held, self._held = self._held, None
            try:
                if held is None or held.is_closed():
                    held = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS)
                yield held
                self._held = held
            except Exception as error:
                if is_away(error):
                    raise PostgresUnreachableError(self._url, error) from error
                raise
            finally:
                if self._held is None and held is not None:
                    held.terminate()

    def close(self) -> None:
        """End it; what uses it now fails."""
        if self._held is not None:
            self._held.terminate()
            self._held = None


@asynccontextmanager
async def open_postgres(url: str, *, most: int = 10, share: int | None = None) -> AsyncIterator[Postgres]:
    """A pool of at most `most` connections for the length of a block, `share` of them (all) for one organization.

    Raises: PostgresUnreachableError.
    """
    try:
        pool = await asyncpg.create_pool(
            url, min_size=1, max_size=most, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS
        )
    except AWAY as error:
        raise PostgresUnreachableError(url, error) from error
    try:
        yield Postgres(url, pool, Turns("a connection to Postgres", most, share or most))
    finally:
        await _close(pool)


async def _close(pool: "asyncpg.Pool[Any]") -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await pool.close()
    except (Exception, asyncio.CancelledError):
        pool.terminate()
