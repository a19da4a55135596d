"""Connections to Postgres, from a pool or beside it, and the one place that knows what a lost connection raises."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, Self

import asyncpg

from services.failures import ExpectedFailure, Passing
from services.settings import redacted
from services.turns import Turns

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 60.0

#: Classes of SQLSTATE by which the server says that it cannot go on, not that a statement is wrong: connection,
#: rollback by conflict, no resources, an operator's intervention, its system, a fault of its own.
_CANNOT_GO_ON = ("08", "40", "53", "57", "58", "XX")
#: A statement that writes reached a server that only reads: after a failover the old primary may still answer.
_READ_ONLY = "25006"


class PostgresUnreachableError(ExpectedFailure, Passing):
    """Postgres at {url} did not answer: {cause}."""

    def __init__(self, url: str, cause: BaseException) -> None:
        what = str(cause) or type(cause).__name__
        super().__init__(f"Postgres at {redacted(url)} did not answer: {what}")


class TablesMovedError(ExpectedFailure, Passing):
    """Postgres at {url} has no such table: read models were just replaced, or the database is another one."""

    def __init__(self, url: str, cause: BaseException) -> None:
        super().__init__(
            f"Postgres at {redacted(url)}: {cause}; read models were just replaced, or the database is another one"
        )


class Fence(Protocol):
    """Says which store may be used (services/continuity/fence.py)."""

    async def admit(self, connection: Any) -> None:
        """Before a new connection is used."""
        ...

    def check(self, identity: str) -> None:
        """Before something is appended."""
        ...


def _is_statements_fault(error: Exception) -> bool:
    """Whether the error is about what was asked. A client's error that is a ValueError too is about an argument.

    Everything else that a connection raises, whatever it may be, says that the connection is lost: a server that dies
    in the middle of an operation makes asyncpg say nearly anything.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return not state.startswith(_CANNOT_GO_ON) and state != _READ_ONLY
    return isinstance(error, ValueError)


class Connection:
    """A connection whose errors are two: what the server says of a statement, as asyncpg has it, or that it is lost.

    Methods are asyncpg's. Once it is lost it is closed, so that nobody goes on with it. `fence` is its pool's, if that
    has one. Raises: PostgresUnreachableError, TablesMovedError, asyncpg.PostgresError.
    """

    def __init__(self, raw: Any, url: str, fence: Fence | None = None) -> None:
        self._raw, self._url, self.fence = raw, url, fence

    async def execute(self, query: str, *arguments: Any) -> str:
        with self._guarded():
            return str(await self._raw.execute(query, *arguments))

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        with self._guarded():
            return list(await self._raw.fetch(query, *arguments))

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        with self._guarded():
            return await self._raw.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        with self._guarded():
            return await self._raw.fetchval(query, *arguments)

    async def cursor(self, query: str, *arguments: Any, prefetch: int) -> AsyncIterator[Any]:
        """The rows, `prefetch` at a time, inside a transaction."""
        rows = self._raw.cursor(query, *arguments, prefetch=prefetch).__aiter__()
        while True:
            with self._guarded():
                try:
                    row = await anext(rows)
                except StopAsyncIteration:
                    return
            yield row

    @asynccontextmanager
    async def transaction(self, *, isolation: str | None = None, readonly: bool = False) -> AsyncIterator[None]:
        """A transaction, or a savepoint within one: committed at the end of the block, rolled back by an error."""
        transaction = self._raw.transaction(isolation=isolation, readonly=readonly)
        with self._guarded():
            await transaction.start()
        try:
            yield
        except BaseException:
            await self._roll_back(transaction)
            raise
        with self._guarded():
            await transaction.commit()

    async def _roll_back(self, transaction: Any) -> None:
        """What ended the block is what counts: without its connection the server rolls back by itself."""
        try:
            await transaction.rollback()
        except Exception:
            self._raw.terminate()

    def is_in_transaction(self) -> bool:
        return bool(self._raw.is_in_transaction())

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None:
        with self._guarded():
            await self._raw.add_listener(channel, callback)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
            raise TablesMovedError(self._url, error) from error
        except Exception as error:
            if _is_statements_fault(error):
                raise
            self._raw.terminate()
            raise PostgresUnreachableError(self._url, error) from error


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
            try:
                yield Connection(raw, self.url, self._fence)
            finally:
                await self._release(raw)

    async def _release(self, raw: Any) -> None:
        """Nothing depends on it any more: one that cannot be given back is thrown away, and the pool makes another."""
        try:
            await self._pool.release(raw)
        except Exception:
            raw.terminate()

    @asynccontextmanager
    async def transaction(self, isolation: str | None = None) -> AsyncIterator[Connection]:
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
            min_size=0 if fence else 1,
            max_size=most,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            init=fence.admit if fence else None,
        )
    except Exception as error:
        raise PostgresUnreachableError(url, error) from error
    try:
        yield Postgres(url, pool, Turns("a connection to Postgres", most, share or most), fence)
    finally:
        await _close(pool)


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


async def _close(pool: "asyncpg.Pool[Any]") -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await pool.close()
    except (Exception, asyncio.CancelledError):
        pool.terminate()
