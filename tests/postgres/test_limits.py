"""What the server ends by itself, so that whoever is paused keeps nobody waiting for its locks."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.postgres import Postgres, PostgresUnreachableError, Role, connected, limit_idling, limits, open_postgres
from tests.postgres.secured import Database

pytestmark = [pytest.mark.stack, pytest.mark.timeout(60), pytest.mark.asyncio(loop_scope="module")]
_LOCK = "SELECT pg_advisory_xact_lock(42)"
_IS_FREE = "SELECT pg_try_advisory_xact_lock(42)"
_SHOWN = "SELECT current_setting('idle_in_transaction_session_timeout')"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second, instead of a minute."""
    monkeypatch.setattr(limits, "IDLE_IN_TRANSACTION_SECONDS", 1)
    monkeypatch.setattr(limits, "IDLE_SESSION_SECONDS", 1)


@pytest_asyncio.fixture(loop_scope="module")
async def other(database: Database) -> AsyncIterator[Postgres]:
    """Whoever waits."""
    async with open_postgres(database.url, role=Role.API, most=1) as opened:
        yield opened


async def _is_free(other: Postgres) -> bool:
    async with other.transaction() as connection:
        return bool(await connection.fetchval(_IS_FREE))


@pytest.mark.usefixtures("short")
async def test_a_transaction_that_stands_still_is_ended_with_its_locks(database: Database, other: Postgres) -> None:
    async with open_postgres(database.url, role=Role.RELAY, most=1) as paused:
        with pytest.raises(PostgresUnreachableError, match="did not answer"):
            async with paused.transaction() as connection:
                await connection.execute(_LOCK)
                assert not await _is_free(other)
                await asyncio.sleep(2)
                assert await _is_free(other)
                await connection.fetchval("SELECT 1")
        async with paused.transaction() as connection:
            assert await connection.fetchval("SELECT 1") == 1, "the pool goes on"


@pytest.mark.usefixtures("short")
async def test_a_patient_one_is_not_and_is_the_only_one(database: Database) -> None:
    async with open_postgres(database.url, role=Role.PROJECTOR, most=1) as postgres:
        async with postgres.transaction("repeatable_read", patient=True) as connection:
            await connection.fetchval("SELECT 1")
            await asyncio.sleep(2)
            assert await connection.fetchval(_SHOWN) == "0"
        async with postgres.transaction() as connection:
            assert await connection.fetchval(_SHOWN) == "1s"


@pytest.mark.usefixtures("short")
async def test_a_session_that_asks_all_the_time_is_ended_once_it_does_not(database: Database, other: Postgres) -> None:
    async with connected(database.url, Role.RELAY) as leading:
        assert await leading.fetchval("SELECT pg_try_advisory_lock(42)")
        await limit_idling(leading)
        for _ in range(4):
            await asyncio.sleep(0.5)
            await leading.fetchval("SELECT 1")
        assert not await _is_free(other)
        await asyncio.sleep(2)
        assert await _is_free(other)
        with pytest.raises(PostgresUnreachableError, match="connection is closed"):
            await leading.fetchval("SELECT 1")


async def test_every_connection_is_limited_and_notices_a_machine_that_is_gone(database: Database) -> None:
    asked = "SELECT name, setting FROM pg_settings WHERE name LIKE 'tcp_keepalives_%' OR name = $1"
    async with (
        connected(database.url) as alone,
        open_postgres(database.url, role=Role.API, most=1) as pool,
        pool.connection() as pooled,
    ):
        for connection in (alone, pooled):
            rows = await connection.fetch(asked, "idle_in_transaction_session_timeout")
            shown = {row["name"]: row["setting"] for row in rows}
            assert shown["idle_in_transaction_session_timeout"] == "60000"
            # By a Unix socket there is no machine that could be gone.
            keepalives = [shown[f"tcp_keepalives_{name}"] for name in ("idle", "interval", "count")]
            assert keepalives in (["60", "10", "6"], ["0", "0", "0"])
