"""A query that forgot whose rows it wants gets those of the organization that the connection serves, in every table."""

import asyncpg
import pytest

from services.postgres import Postgres, Role, open_postgres
from services.projection.schemas import fresh_schema
from services.readside.live import live_schema, move_live, reading_live
from tests.postgres.secured import Database, row_of, seen

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

#: What role API may read of tables that hold no organization's rows by themselves, and why.
SHARED = {
    "store.generations": "names of store and topics",
    "store.past_generations": "names that they had",
    "store.limits": "how large a record may be",
    "store.topics": "how many partitions topics have",
    "store.live_schema": "which read models are live",
    "rm_1.seen_ids": "hashes of ids of usage, by which a correction finds its event; nobody reads an id",
    "rm_1.positions": "how far they are: of organizations it has the ids of meters, and no more",
}
#: What is nobody's business but the processes'.
CLOSED = {
    *("store.migrations", "store.relay", "store.marks", "store.acknowledged", "store.refused_positions"),
    *("store.token_secrets", "store.spent_links", "store.passes", "store.checkpoints", "rm_1.foreign_records"),
    *("store.shared_work", "store.shared_parts"),
}
_SECURED = """
SELECT relrowsecurity AND EXISTS (
    SELECT FROM pg_policies WHERE format('%I.%I', schemaname, tablename) = $1
        AND roles = '{trueup_api}' AND cmd = 'ALL' AND qual ~ 'organization = .*trueup.organization'
) AND NOT EXISTS (
    SELECT FROM pg_policies WHERE format('%I.%I', schemaname, tablename) = $1
        AND roles && '{trueup_api,public}' AND policyname <> 'of_organization'
)
FROM pg_class WHERE oid = $1::regclass
"""
#: Unique indexes and by what they begin; $1 a table.
_KEYS = """
SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
WHERE indrelid = $1::regclass AND indisunique AND attidentity = ''
"""

#: What is no table of rows, nor what Postgres keeps beside one: row security knows nothing of what it shows.
_STRANGE = """
SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname ~ '^(store|rm_.*)$' AND relkind NOT IN ('r', 'i', 'S', 't')
"""
#: Functions that act as their owner, who sees all; and of them those that anybody may call, as by default.
_POWERFUL = "SELECT oid::regproc::text AS name FROM pg_proc WHERE prosecdef"
_OPEN = f"{_POWERFUL} AND has_function_privilege('public', oid, 'EXECUTE')"


async def test_nothing_but_tables_and_four_functions_shows_rows(database: Database) -> None:
    async with database.connected() as connection:
        assert await connection.fetch(_STRANGE) == [], "a view shows what its owner may see"
        assert await connection.fetch(_OPEN) == []
        powerful = {row["name"] for row in await connection.fetch(_POWERFUL)}
        assert powerful == {
            "store.ids_with_codes", "store.referring", "store.events_of_bill", "store.rules_waiting_for",
        }  # fmt: skip


async def test_every_table_is_secured_or_stands_here_with_a_reason(database: Database) -> None:
    async with database.connected() as connection:
        for table in await database.tables():
            assert await connection.fetchval(_SECURED, table), f"{table} shows role API the rows of everybody"
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
    assert await database.tables(Role.WATCH) == ["store.access_keys", "store.bill_jobs", "store.export_jobs"]
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
            first = {row["attname"] for row in await connection.fetch(_KEYS, table)}
            assert first == {"organization"}, f"{table} has a key that {first - {'organization'}} begins"


async def test_look_ups_by_what_stands_inside_a_row_ask_for_the_organization(
    database: Database, requests: Postgres
) -> None:
    await database.run("""
        UPDATE store.entities SET kind = 'product', body = '{"code": "same"}', refs = '{named}';
        INSERT INTO store.entities (organization, kind, id, version, body, position, folded, created, modified)
        SELECT organization, 'notificationConfiguration', 'rule', 1, '{"eventName": "named"}', 1, 1, now(), now()
        FROM unnest('{a,b}'::text[]) AS organization;
        UPDATE store.events SET stream = 'bills-root', data = '{"billId": "named"}';
    """)
    asked = (
        "SELECT store.ids_with_codes($1, 'product', '{same}')",
        "SELECT of_id FROM store.referring($1, '{named}')",
        "SELECT store.rules_waiting_for($1, '{named}')",
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
    async with database.connected(Role.RELAY) as connection:
        assert len(await connection.fetch(asked[-1], "b")) == 1, "who relays puts bills together"


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
                    assert await connection.fetchval(_SECURED, table), table
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
