"""`trueup migrate` makes roles where its user may; where not, it says what is missing, and all goes on without."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from services.postgres import Role, RoleNotGrantedError, connected, open_postgres
from services.projection.schemas import fresh_schema
from services.run.stack.postgres import EmbeddedPostgres
from tests.postgres.secured import Database, fresh_database, seen

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="function")]
_SCHEMAS = "SELECT array_agg(nspname::text ORDER BY nspname) FROM pg_namespace WHERE nspname LIKE 'rm%'"
_OWNERS = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'rm_1'"
_ADMINISTRATORS_LINE = (
    "processes keep the rights of the database's user, and organizations are kept apart by the API alone: to have"
    " Postgres keep them apart, too, an administrator runs "
)


@pytest_asyncio.fixture(loop_scope="function")
async def cluster(tmp_path: Path) -> AsyncIterator[str]:
    """The administrator's URL of a Postgres that has no roles of ours yet."""
    server = EmbeddedPostgres(tmp_path)
    yield await server.start()
    await server.stop()


async def whose_rows(database: Database, role: Role, organization: str = "") -> set[str]:
    """Whose rows a process with this role sees of all that it may read."""
    async with (
        open_postgres(database.url, role=role, most=1) as postgres,
        postgres.of(organization).connection() as connection,
    ):
        return set((await seen(connection, ["store.bill_jobs"]))["store.bill_jobs"])


async def test_databases_of_one_cluster_may_be_migrated_at_once(cluster: str) -> None:
    async with AsyncExitStack() as opened:
        databases = [await opened.enter_async_context(fresh_database(cluster)) for _ in range(6)]
        await asyncio.gather(*(database.migrate() for database in databases))
        for database in databases:
            assert database.told == []
            await database.fill("a", "b")
            assert await whose_rows(database, Role.API, "a") == {"a"}


@pytest.mark.parametrize("may", ["CREATEROLE", ""])
async def test_a_user_who_is_no_superuser_makes_the_roles_if_it_may_and_else_says_what_is_to_be_run(
    cluster: str, may: str
) -> None:
    async with connected(cluster) as connection:
        await connection.execute(f"CREATE ROLE plain LOGIN {may}")
    async with fresh_database(cluster, "plain") as database:
        await database.migrate()
        await database.fill("a", "b")
        if not may:
            assert await whose_rows(database, Role.API, "a") == {"a", "b"}
            [line] = database.told
            assert line.startswith(f"{_ADMINISTRATORS_LINE}CREATE ROLE trueup_api NOLOGIN; ")
            assert "GRANT trueup_api TO plain; " in line and line.endswith("; then `trueup migrate` again")
            statements = line.removeprefix(_ADMINISTRATORS_LINE).removesuffix("; then `trueup migrate` again")
            await database.run(statements)
            await database.migrate()
            database.told.remove(line)
        assert database.told == []
        assert await whose_rows(database, Role.API, "a") == {"a"}
        assert await whose_rows(database, Role.WATCH) == {"a", "b"}
        async with database.connected() as connection:
            assert [row["tableowner"] for row in await connection.fetch(_OWNERS)] == [Role.PROJECTOR]
        async with open_postgres(database.url, role=Role.PROJECTOR, most=2) as projector:
            assert await fresh_schema(projector) == "rm_2"
            assert await fresh_schema(projector) == "rm_3"
            async with projector.connection() as connection:
                assert await connection.fetchval(_SCHEMAS) == ["rm_1", "rm_3"]


async def test_a_process_whose_user_was_not_granted_the_role_says_so_by_name(cluster: str) -> None:
    async with fresh_database(cluster) as database:
        await database.migrate()
        await database.run("CREATE ROLE stranger LOGIN")
        stranger = Database(database.url.replace("//trueup@", "//stranger@"), cluster)
        with pytest.raises(RoleNotGrantedError, match="GRANT trueup_api TO that user"):
            await whose_rows(stranger, Role.API)
        with pytest.raises(RoleNotGrantedError, match="may not act as trueup_relay"):
            async with stranger.connected(Role.RELAY):
                pass


async def test_roles_that_another_database_brought_are_none_here(cluster: str) -> None:
    async with fresh_database(cluster) as database, fresh_database(cluster) as other:
        await database.migrate()
        async with other.connected(Role.API) as connection:
            assert await connection.fetchval("SELECT current_user = session_user")
