"""What a connection raises says that it is lost; only what the server says of a statement is its caller's."""

import asyncio
from typing import Any

import asyncpg
import pytest

from services.failures import Passing
from services.outage import until_stopped
from services.postgres import Connection, PostgresUnreachableError, TablesMovedError, connected, open_postgres
from services.run.stack import Stack


class Raw:
    """A driver's connection that raises what it is told to."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.terminated = error, False

    async def fetch(self, *_: Any) -> list[Any]:
        raise self.error

    def transaction(self, **_: Any) -> "Raw":
        return self

    async def start(self) -> None:
        pass

    async def rollback(self) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    def terminate(self) -> None:
        self.terminated = True


LOST = [
    asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.AdminShutdownError("terminating connection due to administrator command"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.SerializationError("could not serialize access"),
    asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
    asyncpg.IdleInTransactionSessionTimeoutError("terminating connection due to idle-in-transaction timeout"),
    asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
    asyncpg.InvalidCachedStatementError("cached statement plan is invalid"),
    asyncpg.InFailedSQLTransactionError("current transaction is aborted"),
    asyncpg.InternalServerError("unexpected end of the world"),
    OSError("reset by peer"),
    TimeoutError(),
    KeyError("anything"),
    AssertionError("at all"),
]
STATEMENTS = [
    asyncpg.UniqueViolationError("duplicate key"),
    asyncpg.UndefinedColumnError("no such column"),
    asyncpg.DataError("invalid input for query argument $1"),
]


def kind(error: BaseException) -> str:
    return type(error).__name__


@pytest.mark.parametrize("error", LOST, ids=kind)
async def test_a_connection_that_raises_anything_is_lost(error: Exception) -> None:
    raw = Raw(error)
    with pytest.raises(PostgresUnreachableError) as raised:
        await Connection(raw, "postgresql://me:secret@there/db").fetch("SELECT 1")
    assert raw.terminated and raised.value.__cause__ is error
    assert "me:***@there" in str(raised.value) and str(raised.value).rstrip(": ").endswith(str(error) or kind(error))


@pytest.mark.parametrize("error", STATEMENTS, ids=kind)
async def test_what_the_server_says_of_a_statement_is_the_callers(error: Exception) -> None:
    raw = Raw(error)
    with pytest.raises(type(error)):
        await Connection(raw, "postgresql://there/db").fetch("SELECT 1")
    assert not raw.terminated


@pytest.mark.parametrize("error", [asyncpg.UndefinedTableError("x"), asyncpg.InvalidSchemaNameError("x")], ids=kind)
async def test_a_table_that_was_replaced_is_looked_for_anew(error: Exception) -> None:
    raw = Raw(error)
    with pytest.raises(TablesMovedError, match="read models were just replaced, or the database is another one"):
        await Connection(raw, "postgresql://there/db").fetch("SELECT 1")
    assert not raw.terminated


async def test_what_ends_a_transaction_counts_more_than_a_rollback_that_fails() -> None:
    raw = Raw(RuntimeError())
    with pytest.raises(ZeroDivisionError):
        async with Connection(raw, "postgresql://there/db").transaction():
            raise ZeroDivisionError
    assert raw.terminated


async def test_a_worker_survives_what_passes_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.outage.BACKOFF_S", (0.0,))
    stop, attempts = asyncio.Event(), 0

    async def attempt() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 4:
            raise Passing("a server is away")
        raise AssertionError("a bug")

    with pytest.raises(AssertionError):
        await until_stopped(stop, "work_begins_anew", attempt)
    assert attempts == 4


@pytest.mark.stack
async def test_a_connection_given_back_in_the_middle_of_a_statement_is_replaced(stack: Stack) -> None:
    async with open_postgres(stack.endpoints.database_url, most=1) as postgres:
        async with postgres.connection() as connection:
            left = asyncio.ensure_future(connection.execute("SELECT pg_sleep(30)"))
            await asyncio.sleep(0.1)
        with pytest.raises(PostgresUnreachableError):
            await left
        async with postgres.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1


@pytest.mark.stack
@pytest.mark.parametrize("use", ["fetchval", "transaction", "is_in_transaction", "tell_when_closed"])
async def test_whatever_is_asked_of_a_connection_that_the_server_ended_says_that_it_is_lost(
    stack: Stack, use: str
) -> None:
    async with open_postgres(stack.endpoints.database_url, most=1) as postgres:
        async with postgres.connection() as connection, connected(stack.endpoints.database_url) as other:
            await other.execute("SELECT pg_terminate_backend($1)", await connection.fetchval("SELECT pg_backend_pid()"))
            await asyncio.sleep(0.1)
            with pytest.raises(PostgresUnreachableError):
                if use == "fetchval":
                    await connection.fetchval("SELECT 1")
                elif use == "transaction":
                    async with connection.transaction():
                        pass
                elif use == "is_in_transaction":
                    connection.is_in_transaction()
                else:
                    connection.tell_when_closed(asyncio.Event())
        async with postgres.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1
