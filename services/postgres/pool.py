"""A pool of connections to Postgres, taken by turns."""

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
from services.postgres.pooled import DRIVER_OPTIONS, PooledConnection
from services.postgres.reaching import reach
from services.postgres.roles import ORGANIZATION, Role, take
from services.sight.metrics import POOL_WAIT

_SERVE = f"SELECT set_config('{ORGANIZATION}', $1, false)"


class _Serving(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection that knows for which organization it works, so that Postgres is told only when that changes."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._organization: str | None = None

    async def serve(self, organization: str) -> None:
        """Outside any transaction, so that none which fails takes it back."""
        if organization != self._organization:
            # While it is not known whether Postgres was told, nobody's is what it is.
            self._organization = None
            await self.execute(_SERVE, organization)
            self._organization = organization


class Postgres:
    """A pool that opens at once and connects when it is used, so that a process outlives a restart of the server.

    Connections are taken by turns: whoever holds one must not wait for another, nor for anything but Postgres. Of role
    API there are none but for one organization, and without one they show no organization's rows.
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
        """As which its connections act; None is the database's user."""
        return self._role

    @property
    def whose(self) -> str:
        """The organization in whose turn its connections are taken; empty where that is none's."""
        return self._whose

    def of(self, organization: str) -> Self:
        """The same pool, whose connections are taken in the organization's turn."""
        return type(self)(self.url, self._pool, self._turns, self._fence, self._role, organization, pooler=self._pooler)

    def alone(self) -> AbstractAsyncContextManager[Connection]:
        """A connection beside the pool, with its rights. Raises: PostgresUnreachableError, RoleNotGrantedError."""
        return connected(self.url, self._role)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool, in its turn.

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
    url: str,
    *,
    role: Role | None = None,
    most: int = 10,
    share: int | None = None,
    fence: Fence | None = None,
    pooler: str | None = None,
) -> AsyncIterator[Postgres]:
    """A pool of at most `most` connections for the length of a block, `share` of them (all) for one organization.

    They act in this role, or as the database's user. One with a fence connects when it is first used. `pooler`: the
    address of one that pools by transaction, by way of which they go; what is alone does not.
    Raises: PostgresUnreachableError, RoleNotGrantedError.
    """

    async def begin(raw: Any) -> None:
        if pooler is not None:
            return  # each transaction does it for itself
        if role is not None:
            await take(raw, role)
        if fence is not None:
            await fence.admit(raw)

    try:
        pool = await asyncpg.create_pool(
            pooler or url,
            # asyncpg would keep up a floor by itself, and tell of each failure with all its frames.
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
    """Given back without a word to the server: a transaction that is open was rolled back by now, and nothing that is
    done on a pool's connection outlives its transaction: locks and settings are the transaction's, but for the role and
    the organization that it serves. What belongs to a session needs a connection of its own, `connected`.
    """


async def _close(pool: "asyncpg.Pool[Any]") -> None:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await pool.close()
    except (Exception, asyncio.CancelledError):
        pool.terminate()
