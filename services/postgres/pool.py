"""A pool of connections to Postgres. Callers take turns, so that no organization keeps all connections for itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self

import asyncpg

from services.concurrency import Turns
from services.failures import ExpectedFailure, Passing
from services.postgres.connection import (
    CONNECT_SECONDS,
    STATEMENT_SECONDS,
    Connection,
    Fence,
    PostgresUnreachableError,
    connected,
    throw_away,
)
from services.postgres.limits import limit_session
from services.postgres.pooled import DRIVER_OPTIONS, PooledConnection
from services.postgres.reaching import reach
from services.postgres.roles import ORGANIZATION, Role, take
from services.sight.metrics import POOL_WAIT

_SERVE = f"SELECT set_config('{ORGANIZATION}', $1, false)"


class _Serving(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection that remembers the organization it works for, so that Postgres is told only when that changes."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._organization: str | None = None

    async def serve(self, organization: str) -> None:
        """Set the organization, outside any transaction, so that no rollback undoes it."""
        if organization != self._organization:
            # Until Postgres has confirmed it, the organization is unknown, and the next call sets it again.
            self._organization = None
            await self.execute(_SERVE, organization)
            self._organization = organization


class Postgres:
    """A pool that opens at once and connects on first use, so that a process outlives a restart of the server.

    Callers take turns. Whoever holds a connection must wait neither for another one nor for anything but Postgres. A
    connection of role API always works for one organization; without one it shows no organization's rows.
    """

    def __init__(
        self,
        url: str,
        pool: "asyncpg.Pool[Any]",
        turns: Turns,
        fence: Fence | None = None,
        role: Role | None = None,
        whose: str = "",
        *,
        pooler: str | None = None,
    ) -> None:
        self.url, self._pool, self._turns, self._fence = url, pool, turns, fence
        self._role, self._whose, self._pooler = role, whose, pooler

    @property
    def role(self) -> Role | None:
        """The role that its connections act as; None: the database's user."""
        return self._role

    @property
    def whose(self) -> str:
        """The organization in whose turn connections are taken; empty: none."""
        return self._whose

    def of(self, organization: str) -> Self:
        """The same pool, with connections that are taken in this organization's turn."""
        return type(self)(self.url, self._pool, self._turns, self._fence, self._role, organization, pooler=self._pooler)

    def alone(self) -> AbstractAsyncContextManager[Connection]:
        """A connection beside the pool, in the same role. Raises: PostgresUnreachableError, RoleNotGrantedError."""
        return connected(self.url, self._role)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool, for the length of the block, once it is the caller's turn.

        Raises: PostgresUnreachableError, NoTurnError, RoleNotGrantedError.
        """
        waits_since = time.monotonic()
        async with self._turns.turn(self._whose):
            try:
                raw = await self._pool.acquire(timeout=CONNECT_SECONDS)
                POOL_WAIT.labels(self._role or "owner").observe(time.monotonic() - waits_since)
            except (Passing, ExpectedFailure):
                raise
            except Exception as error:
                raise PostgresUnreachableError(self.url, error) from error
            connection = self._over(raw)
            try:
                if self._role is Role.API:
                    await connection.serve(self._whose)
                yield connection
            finally:
                await self._release(raw, connection)

    def _over(self, raw: Any) -> Connection:
        if self._pooler is not None:
            return PooledConnection(raw, self._pooler, self._fence, self._role)
        return Connection(raw, self.url, self._fence)

    async def _release(self, raw: Any, connection: Connection) -> None:
        """Give a connection back. One that is in the middle of a statement, or cannot be given back, is closed, and the
        pool makes another; nothing depends on it any more.
        """
        if connection.is_at_work:
            throw_away(raw)
        try:
            await self._pool.release(raw)
        except Exception:
            throw_away(raw)

    @asynccontextmanager
    async def transaction(self, isolation: str | None = None, *, patient: bool = False) -> AsyncIterator[Connection]:
        """A connection in a transaction, committed at the end of the block; `patient`: it may stand idle for as long as
        it likes. Raises: as `connection`.
        """
        async with self.connection() as connection, connection.transaction(isolation=isolation, patient=patient):
            yield connection


@asynccontextmanager
async def open_postgres(
    url: str,
    *,
    role: Role | None = None,
    most: int = 10,
    share: int | None = None,
    fence: Fence | None = None,
    pooler: str | None = None,
) -> AsyncIterator[Postgres]:
    """A pool of at most `most` connections, for the length of the block; one organization uses at most `share` of them
    at a time, by default all.

    The connections act in this role, or as the database's user. A pool with a fence connects on first use, any other at
    once. `pooler`: the address of a pooler that pools by transaction; all connections but those of `alone` go through
    it.

    Raises: PostgresUnreachableError, RoleNotGrantedError.
    """

    async def begin(raw: Any) -> None:
        if pooler is not None:
            return  # each transaction does it for itself
        await limit_session(raw)
        if role is not None:
            await take(raw, role)
        if fence is not None:
            await fence.admit(raw)

    try:
        pool = await asyncpg.create_pool(
            pooler or url,
            # asyncpg would keep a minimum open by itself, and log each failure with its whole stack.
            min_size=0,
            max_size=most,
            connect=reach,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            init=begin,
            connection_class=_Serving if role is Role.API else asyncpg.Connection,
            reset=_as_it_is,
            **(DRIVER_OPTIONS if pooler is not None else {}),
        )
        if fence is None:
            await pool.release(await pool.acquire(timeout=CONNECT_SECONDS))
    except ExpectedFailure:
        raise
    except Exception as error:
        raise PostgresUnreachableError(url, error) from error
    try:
        yield Postgres(url, pool, Turns("a connection to Postgres", most, share or most), fence, role, pooler=pooler)
    finally:
        await _close(pool)


async def _as_it_is(connection: Any) -> None:
    """The pool's reset of a returned connection: nothing is sent to the server.

    An open transaction was rolled back before, and nothing that is done on a connection of the pool outlives its
    transaction: locks and settings belong to the transaction, except the role and the organization. State of a session
    needs a connection of its own, by `connected`.
    """


async def _close(pool: "asyncpg.Pool[Any]") -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await pool.close()
    except (Exception, asyncio.CancelledError):
        pool.terminate()
