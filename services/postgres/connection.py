"""A connection to Postgres, and the one place that knows the errors of a lost connection.

Some connections stand beside the pool: for state of a session, and for work that must not wait for the pool.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Protocol

import asyncpg

from services.failures import AddressedFailure, ExpectedFailure, Passing
from services.postgres.limits import PATIENT, limit_session
from services.postgres.reaching import reach
from services.postgres.roles import Role, take
from services.postgres_url import redacted

#: Classes of SQLSTATE for faults of a statement: cardinality, data, integrity, schemas, syntax or rights, a view's
#: check. All other classes mean that the server, or this session, cannot go on now: a conflict, no resources, an
#: operator's timeout, a read-only server after a failover, a plan that its schema has outlived.
_STATEMENT = ("21", "22", "23", "3F", "42", "44")
CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 60.0


class PostgresUnreachableError(AddressedFailure, Passing):
    """Postgres at {url} did not answer: {what}"""

    outside = "Postgres did not answer"

    def __init__(self, url: str, cause: BaseException) -> None:
        what = str(cause) or type(cause).__name__
        super().__init__(url=redacted(url), what=what)


class TablesMovedError(AddressedFailure, Passing):
    """Postgres at {url}: {cause}; read models were just replaced, or the database is another one"""

    outside = "Postgres: read models were just replaced, or the database is another one"

    def __init__(self, url: str, cause: BaseException) -> None:
        super().__init__(url=redacted(url), cause=cause)


class Fence(Protocol):
    """Decides which store may be used (services/store/fence.py)."""

    @property
    def asks(self) -> str:
        """The SQL expression whose result `check` needs."""
        ...

    async def admit(self, connection: Any) -> None:
        """Check the store that a new connection reaches, before the connection is used."""
        ...

    def check(self, identity: str) -> None:
        """Check the store's identity, before anything is appended."""
        ...


def _is_statements_fault(error: Exception) -> bool:
    """Whether the error is a fault of the statement. A client's error that is also a ValueError is about an argument.

    Any other error of a connection means that it is lost: a server that dies during an operation makes asyncpg raise
    nearly anything.
    """
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_STATEMENT)
    return isinstance(error, ValueError)


def throw_away(raw: Any) -> None:
    """Close asyncpg's connection at once, in whatever state it is."""
    # The pool notices a closed connection by itself, and then its proxy refuses every call.
    with suppress(asyncpg.InterfaceError):
        raw.terminate()


class Connection:
    """A connection with two kinds of errors: faults of a statement, as asyncpg raises them, and its loss.

    Methods are asyncpg's. A lost connection is closed, so that nobody continues with it. `fence` is its pool's, if that
    has one. Raises: PostgresUnreachableError, TablesMovedError, asyncpg.PostgresError.
    """

    def __init__(self, raw: Any, url: str, fence: Fence | None = None) -> None:
        self._raw, self._url, self.fence = raw, url, fence
        self._asked = 0

    @property
    def is_at_work(self) -> bool:
        """Whether a statement is still running on the server."""
        return self._asked > 0

    async def serve(self, organization: str) -> None:
        """Show only this organization's rows from now on; only for a pool of role API."""
        with self._guarded():
            await self._raw.serve(organization)

    async def execute(self, query: str, *arguments: Any, seconds: float | None = None) -> str:
        """Execute the statement. `seconds`: its time limit, if not the usual one."""
        with self._guarded():
            return str(await self._raw.execute(query, *arguments, timeout=seconds))

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """The rows of the query, all at once."""
        with self._guarded():
            return list(await self._raw.fetch(query, *arguments))

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        """The first row of the query; None without rows."""
        with self._guarded():
            return await self._raw.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """The first column of the query's first row; None without rows."""
        with self._guarded():
            return await self._raw.fetchval(query, *arguments)

    async def cursor(
        self, query: str, *arguments: Any, prefetch: int, seconds: float | None = None
    ) -> AsyncIterator[Any]:
        """The rows, `prefetch` at a time, inside a transaction. `seconds`: the time limit of each fetch."""
        with self._guarded():
            rows = self._raw.cursor(query, *arguments, prefetch=prefetch, timeout=seconds).__aiter__()
        while True:
            with self._guarded():
                try:
                    row = await anext(rows)
                except StopAsyncIteration:
                    return
            yield row

    @asynccontextmanager
    async def transaction(self, *, isolation: str | None = None, patient: bool = False) -> AsyncIterator[None]:
        """A transaction, or a savepoint within one: committed at the end of the block, rolled back by an error.

        `patient`: it may stand idle for as long as it likes; nobody waits for what it locks.
        """
        with self._guarded():
            transaction = self._raw.transaction(isolation=isolation)
            await transaction.start()
        try:
            if patient:
                await self.execute(PATIENT)
            yield
        except BaseException:
            await self._roll_back(transaction)
            raise
        with self._guarded():
            await transaction.commit()

    async def _roll_back(self, transaction: Any) -> None:
        """The block's own error counts: without its connection the server rolls back by itself."""
        try:
            await transaction.rollback()
        except Exception:
            throw_away(self._raw)

    def is_in_transaction(self) -> bool:
        """Whether a transaction is open on the connection."""
        with self._guarded():
            return bool(self._raw.is_in_transaction())

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None:
        """Call back for each notification on the channel, while the connection lasts."""
        with self._guarded():
            await self._raw.add_listener(channel, callback)

    def tell_when_closed(self, closed: asyncio.Event) -> None:
        """Set the event once the connection is closed by either side."""
        with self._guarded():
            self._raw.add_termination_listener(lambda _: closed.set())
            if self._raw.is_closed():
                closed.set()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        self._asked += 1
        try:
            yield
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
            raise TablesMovedError(self._url, error) from error
        except Exception as error:
            if _is_statements_fault(error):
                raise
            throw_away(self._raw)
            raise PostgresUnreachableError(self._url, error) from error
        finally:
            self._asked -= 1


@asynccontextmanager
async def connected(url: str, role: Role | None = None) -> AsyncIterator[Connection]:
    """One separate connection, for state of a session, in this role, or as the database's user.

    Raises: PostgresUnreachableError, RoleNotGrantedError.
    """
    raw = await connect(url, role)
    try:
        yield Connection(raw, url)
    finally:
        raw.terminate()


async def connect(url: str, role: Role | None) -> Any:
    """asyncpg's connection, limited, in this role. Raises: PostgresUnreachableError, RoleNotGrantedError."""
    raw = None
    try:
        raw = await reach(url, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS)
        await limit_session(raw)
        if role is not None:
            await take(raw, role)
        return raw
    except BaseException as error:
        if raw is not None:
            throw_away(raw)
        if isinstance(error, ExpectedFailure) or not isinstance(error, Exception):
            raise
        raise PostgresUnreachableError(url, error) from error
