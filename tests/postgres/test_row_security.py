"""A query that forgot whose rows it wants gets those of the organization that the connection serves, in every table."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.postgres import Postgres, Role, open_postgres, pool
from services.projection.schemas import fresh_schema
from services.readside.live import live_schema, move_live, reading_live
from services.run.stack.postgres import EmbeddedPostgres
from tests.postgres.secured import CLOSED, KEYS, SECURED, SHARED, Database, fresh_database, row_of, seen

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The administrator's URL of a Postgres of its own."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("cluster"))
    yield await server.start()
    await server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(cluster: str) -> AsyncIterator[Database]:
    """A migrated one with a row of each of the organizations `a` and `b` in every table."""
    async with fresh_database(cluster) as made:
        await made.migrate()
        assert made.told == []
        await made.fill("a", "b")
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def requests(database: Database) -> AsyncIterator[Postgres]:
    """A pool as requests have it, of one connection: whoever comes next gets the one that was just given back."""
    async with open_postgres(database.url, role=Role.API, most=1) as opened:
        yield opened


async def test_every_table_is_secured_or_stands_here_with_a_reason(database: Database) -> None:
    async with database.connected() as connection:
        for table in await database.tables():
            assert await connection.fetchval(SECURED, table), f"{table} shows role API the rows of everybody"
        for table in await database.others():
            readable = await connection.fetchval("SELECT has_any_column_privilege($1, $2, 'SELECT')", Role.API, table)
            assert readable == (table in SHARED), f"{table}: may role API read it?"
            assert (table in SHARED) != (table in CLOSED), f"{table} stands nowhere, or has organizations' rows"


async def test_a_query_without_a_condition_finds_the_rows_of_one_organization(
    database: Database, requests: Postgres
) -> None:
    tables = await database.tables(Role.API)
    assert len(tables) > 12
    for organization in ("a", "b", "a"):
        async with requests.of(organization).connection() as connection:
            assert await seen(connection, tables) == {table: [organization] for table in tables}
    async with database.connected() as connection:
        assert await seen(connection, tables) == {table: ["a", "b"] for table in tables}


@pytest.mark.parametrize("organization", ["", "A", "a ", "%", "'; RESET ROLE; --"])
async def test_who_is_nobody_sees_nothing(database: Database, requests: Postgres, organization: str) -> None:
    tables = await database.tables(Role.API)
    async with requests.of(organization).connection() as connection:
        assert await seen(connection, tables) == {table: [] for table in tables}
    async with requests.connection() as connection:
        assert await seen(connection, tables) == {table: [] for table in tables}


async def test_a_session_that_was_told_nothing_sees_nothing(database: Database) -> None:
    tables = await database.tables(Role.API)
    async with database.connected(Role.API) as connection:
        assert await seen(connection, tables) == {table: [] for table in tables}


async def test_rows_of_another_are_neither_made_nor_changed_nor_given_away(
    database: Database, requests: Postgres
) -> None:
    for table in await database.tables(Role.API, "INSERT"):
        async with requests.of("a").connection() as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await connection.execute(await row_of(connection, table, "b"))
    for table in await database.tables(Role.API, "UPDATE"):
        async with requests.of("a").connection() as connection:
            assert await connection.execute(f"UPDATE {table} SET organization = organization") == "UPDATE 1"
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await connection.execute(f"UPDATE {table} SET organization = 'b'")
    for table in await database.tables(Role.API, "DELETE"):
        with pytest.raises(ZeroDivisionError):
            async with requests.of("a").transaction() as connection:
                assert await connection.execute(f"DELETE FROM {table}") == "DELETE 1"
                raise ZeroDivisionError


async def test_nobody_but_the_projector_writes_read_models_and_no_event_is_changed(database: Database) -> None:
    for role in set(Role) - {Role.PROJECTOR}:
        for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            written = await database.tables(role, right)
            assert not [table for table in written if not table.startswith("store.")], f"{role} may {right}"
            assert right == "INSERT" or "store.events" not in written, f"{role} may {right}"


async def test_who_watches_sees_of_organizations_only_who_may_sign_in_and_whose_turn_it_is(database: Database) -> None:
    assert await database.tables(Role.WATCH) == ["store.access_keys", "store.bill_jobs"]
    async with database.connected(Role.WATCH) as connection:
        assert await connection.fetchval("SELECT count(position) FROM store.events") == 2
        for hidden in ("data FROM store.events", "body FROM store.entities", "bill FROM rm_1.bills"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
                await connection.fetch(f"SELECT {hidden}")


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.API])
async def test_a_worker_sees_the_rows_of_all(database: Database, role: Role) -> None:
    tables = await database.tables(role)
    assert tables
    async with database.connected(role) as connection:
        assert await connection.fetchval("SELECT current_user") == role
        assert await seen(connection, tables) == {table: ["a", "b"] for table in tables}


async def test_a_taken_key_tells_of_nobody_else(database: Database) -> None:
    async with database.connected() as connection:
        for table in await database.tables(Role.API, "INSERT"):
            first = {row["attname"] for row in await connection.fetch(KEYS, table)}
            assert first == {"organization"}, f"{table} has a key that {first - {'organization'}} begins"


async def whose(postgres: Postgres, organization: str) -> tuple[int, str | None]:
    """Which session serves the organization, and whose rows it shows."""
    async with postgres.of(organization).connection() as connection:
        row = await connection.fetchrow("SELECT pg_backend_pid(), (SELECT max(organization) FROM store.entities)")
        return row[0], row[1]


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


async def test_look_ups_by_what_stands_inside_a_row_ask_for_the_organization(
    database: Database, requests: Postgres
) -> None:
    await database.run("""
        UPDATE store.entities SET kind = 'product', body = '{"code": "same"}', refs = '{named}';
        UPDATE store.events SET stream = 'bills-root', data = '{"billId": "named"}';
    """)
    asked = (
        "SELECT store.ids_with_codes($1, 'product', '{same}')",
        "SELECT of_id FROM store.referring($1, '{named}')",
        "SELECT store.events_of_bill($1, 'named')",
    )
    for query in asked:
        async with requests.of("a").connection() as connection:
            assert len(await connection.fetch(query, "a")) == 1
            assert await connection.fetch(query, "b") == []
        async with database.connected(Role.API) as connection:
            assert await connection.fetch(query, "a") == []
        async with database.connected() as connection:
            assert len(await connection.fetch(query, "b")) == 1


async def test_read_models_that_take_the_place_of_others_are_secured_from_the_first(
    database: Database, requests: Postgres
) -> None:
    async with open_postgres(database.url, role=Role.PROJECTOR, most=2) as projector:
        fresh = await fresh_schema(projector)
        try:
            async with projector.connection() as connection:
                await move_live(connection, fresh)
            tables = [table for table in await database.tables(Role.API) if table.startswith(f"{fresh}.")]
            assert len(tables) == len([table for table in await database.tables() if table.startswith("rm_1.")])
            async with database.connected(Role.PROJECTOR) as connection:
                for table in tables:
                    assert await connection.fetchval(SECURED, table), table
                    await connection.execute(await row_of(connection, table, "b"))
            async with reading_live(requests.of("a")) as connection:
                assert await live_schema(connection) == fresh
                assert await seen(connection, tables) == {table: [] for table in tables}
            async with reading_live(requests.of("b")) as connection:
                assert await seen(connection, tables) == {table: ["b"] for table in tables}
        finally:
            async with projector.connection() as connection:
                await move_live(connection, "rm_1")
                await connection.execute(f'DROP SCHEMA "{fresh}" CASCADE')
