"""A session of the requests' pool shows each organization its own rows, whatever ended the use before."""

import asyncio
from typing import Any

import asyncpg
import pytest

from services.postgres import Postgres, pool

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]


async def whose(postgres: Postgres, organization: str) -> tuple[int, str | None]:
    """Which session serves the organization, and whose rows it shows."""
    async with postgres.of(organization).connection() as connection:
        row = await connection.fetchrow(
            "SELECT pg_backend_pid() AS session, (SELECT max(organization) FROM store.entities) AS shown"
        )
        return row["session"], row["shown"]


async def test_a_session_shows_each_organization_its_own_rows_whatever_ended_the_last_use(
    requests: Postgres,
) -> None:
    session, shown = await whose(requests, "a")
    assert shown == "a"
    async with requests.of("b").connection() as connection:
        with pytest.raises(asyncpg.UndefinedColumnError):
            await connection.fetch("SELECT nothing FROM store.entities")
    assert await whose(requests, "a") == (session, "a")
    with pytest.raises(ZeroDivisionError):
        async with requests.of("b").transaction() as connection:
            await connection.fetch("SELECT FROM store.entities")
            raise ZeroDivisionError
    assert await whose(requests, "b") == (session, "b")
    with pytest.raises(asyncpg.UndefinedColumnError):
        async with requests.of("a").transaction() as connection:
            await connection.fetch("SELECT nothing FROM store.entities")
    assert await whose(requests, "b") == (session, "b")


async def test_a_request_that_was_cancelled_leaves_nothing_of_its_organization(
    requests: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def long(organization: str) -> None:
        async with requests.of(organization).transaction() as connection:
            await connection.execute("SELECT pg_sleep(30)")

    # In the middle of a statement; and while Postgres is told whose connection it is, however far that got.
    for tell in (pool._SERVE, f"{pool._SERVE}, pg_sleep(1)"):
        assert (await whose(requests, "b"))[1] == "b"
        with monkeypatch.context() as slow:
            slow.setattr(pool, "_SERVE", tell)
            cancelled = asyncio.create_task(long("a"))
            await asyncio.sleep(0.3)
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
        for organization in ("a", "b", "a"):
            assert (await whose(requests, organization))[1] == organization


async def test_postgres_is_told_only_when_another_organization_comes(
    requests: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[str]()
    execute = asyncpg.Connection.execute

    async def noted(self: Any, query: str, *arguments: Any, **more: Any) -> str:
        told.extend(arguments if query == pool._SERVE else ())
        return str(await execute(self, query, *arguments, **more))

    monkeypatch.setattr(pool._Serving, "execute", noted, raising=False)
    for organization in ("a", "a", "a", "b", "b", "a"):
        assert (await whose(requests, organization))[1] == organization
    assert told == ["a", "b", "a"]
