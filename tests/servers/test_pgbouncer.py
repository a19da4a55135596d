"""The API by way of a real PgBouncer that pools by transaction: roles, rows and bills are what they are without it."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from services.api.app import CONNECTIONS
from services.doctor.examine import examine
from services.migrate.migrate import make_roles, migrate_store
from services.postgres import Postgres, Role, connected, open_postgres
from services.run.settings import load_settings
from services.store.fence import IDENTITY, Fence, NotComparedError
from tests.api_client import healthy, stranger
from tests.servers.owned_postgres import OwnedPostgres
from tests.servers.pgbouncer import PgBouncer, bouncing, needs_it
from tests.system.running import running_system
from tests.system.story import Wire, expected_calls, left_by, play, settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600), needs_it]
PARTITIONS = 4
_WHO = """
SELECT current_user::text AS who, current_setting('trueup.organization', true) AS organization, pg_backend_pid() AS pid,
    current_setting('idle_in_transaction_session_timeout') AS idle
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnedPostgres]:
    server = OwnedPostgres(tmp_path_factory.mktemp("bounced"))
    await server.start()
    async with connected(server._url("trueup")) as connection:
        await migrate_store(connection)
        await make_roles(connection, pytest.fail)
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def bouncer(postgres: OwnedPostgres, tmp_path: Path) -> AsyncIterator[PgBouncer]:
    tmp_path.chmod(0o755)
    async with bouncing(tmp_path / "bouncer", postgres.socket) as running:
        yield running


async def test_each_transaction_is_its_own_organizations_whoever_shares_its_session(
    postgres: OwnedPostgres, bouncer: PgBouncer
) -> None:
    seen = set[int]()

    async def ask(pool: Postgres, organization: str) -> None:
        for _ in range(20):
            async with pool.of(organization).connection() as connection:
                row = await connection.fetchrow(_WHO)
                async with connection.transaction():
                    held_connection = await connection.fetchrow(_WHO)
                    await asyncio.sleep(0)
                    again = await connection.fetchval("SELECT current_setting('trueup.organization', true)")
            seen.update((row["pid"], held_connection["pid"]))
            for backend in (row, held_connection):
                assert (backend["who"], backend["organization"]) == ("trueup_api", organization)
                assert backend["idle"] == "1min"
            assert again == organization

    async with open_postgres(postgres._url("trueup"), role=Role.API, most=10, pooler=bouncer.url) as pool:
        await asyncio.gather(*(ask(pool, f"o-{number}'s") for number in range(10)))
    assert 1 <= len(seen) <= 2, "all shared the pooler's two sessions"
    async with connected(bouncer.url) as connection, connection.transaction():
        left = await connection.fetchrow(_WHO)
    assert (left["who"], left["organization"] or "") == ("trueup", ""), "nothing is left in a session"


async def test_a_store_that_was_not_compared_is_not_used(postgres: OwnedPostgres, bouncer: PgBouncer) -> None:
    fence = Fence()
    async with connected(postgres._url("trueup")) as connection:
        whole = await connection.fetchval(f"SELECT {IDENTITY}")
    async with (
        open_postgres(postgres._url("trueup"), role=Role.WATCH, most=2, fence=fence, pooler=bouncer.url) as pool,
        pool.connection() as connection,
    ):
        with pytest.raises(NotComparedError):
            await connection.fetchval("SELECT 1")
        assert fence.doubted.is_set()
        fence.compared(whole)
        assert await connection.fetchval("SELECT 1") == 1
        fence.compared("another")
        with pytest.raises(NotComparedError):
            async with connection.transaction():
                pytest.fail("nothing is done over it")


async def test_the_doctor_says_that_what_needs_sessions_has_none(
    postgres: OwnedPostgres, bouncer: PgBouncer, tmp_path: Path
) -> None:
    told = {"home": tmp_path, "kafka_bootstrap": "127.0.0.1:1"}
    report = await examine(settings=load_settings(**told, database_url=bouncer.url))
    [line] = [str(finding) for finding in report.findings if finding.check == "postgres-session"]
    assert line.startswith("wrong") and "gives each transaction another session; set its pool_mode to session" in line
    async with bouncing(tmp_path / "by-session", postgres.socket, "session", 10) as by_session:
        report = await examine(settings=load_settings(**told, database_url=by_session.url))
    [line] = [str(finding) for finding in report.findings if finding.check == "postgres-session"]
    assert line.startswith("ok"), line


async def test_the_doctor_knows_where_a_pooler_leads(
    postgres: OwnedPostgres, bouncer: PgBouncer, tmp_path: Path
) -> None:
    async def about(pooler: str, database: str) -> str:
        told = {"home": tmp_path, "kafka_bootstrap": "127.0.0.1:1", "database_url": postgres._url(database)}
        report = await examine(settings=load_settings(**told, database_pooler_url=pooler))
        return "".join(str(finding) for finding in report.findings if finding.about == "TRUEUP_DATABASE_POOLER_URL")

    assert (await about(bouncer.url, "trueup")).startswith("ok        postgres-pooler")
    assert "reaches another database; have it pool for" in await about(bouncer.url, "postgres")
    await bouncer.stop()
    assert (await about(bouncer.url, "trueup")).startswith("wrong     postgres-reached")


async def test_the_story_is_billed_by_way_of_it_and_the_api_needs_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    server = OwnedPostgres(tmp_path / "postgres")
    try:
        url = await server.start()
        async with bouncing(tmp_path / "bouncer", server.socket, size=3) as bouncer:
            settings = load_settings(
                home=tmp_path / "home", partitions=PARTITIONS, worker_session_ms=6000, api_port=0,
                database_url=url, database_pooler_url=bouncer.url,
            )  # fmt: skip
            async with running_system(settings) as (_, system):
                wire = Wire(lambda: system.addresses.api_url, "bounced")

                async def nothing(_: int) -> None: ...

                await play(wire, system.endpoints.kafka, PARTITIONS, nothing)
                await settled(system.endpoints)
                left = await left_by(url, wire)
                assert sum(Decimal(row["total"]) for row in left["usage_totals"]) == expected_calls()
                assert left["bills"]
                requests = [wire.ask("GET", "/products") for _ in range(3 * CONNECTIONS)]
                assert {answer.status_code for answer in await asyncio.gather(*requests)} == {200}
                await bouncer.stop()
                async with stranger(system.addresses.api_url) as client:
                    await healthy(client)
                away = await super(Wire, wire).ask("GET", "/products")
                assert away.status_code == 503, "requests go by way of it, and by no other"
                await bouncer.start()
                assert (await wire.ask("GET", "/products")).status_code == 200
    finally:
        await server.stop()
