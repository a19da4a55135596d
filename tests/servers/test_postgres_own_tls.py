"""Postgres's own TLS, on the server that Debian builds with it: a name and an authority are checked, and so are we."""

import ssl
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from services.doctor.database import examine_hosts
from services.doctor.findings import Report
from services.migrate.migrate import make_roles, migrate_store
from services.postgres import PostgresUnreachableError, Role, connected, open_postgres
from services.run.stack import NoAnswer
from services.run.stack.faults import NotLetIn
from services.run.stack.probe import postgres_answers
from services.store.generations import NotMigratedError, load_generations
from tests.servers.debian_postgres import DebianPostgres, needs_it
from tests.servers.secured_kafka import PEM
from tests.servers.test_postgres_tls import OURS, TRUST

pytestmark = [pytest.mark.stack, needs_it]
_TLS = "SELECT ssl, version, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
OTHER_CA = f"sslrootcert={PEM / 'other-ca.pem'}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DebianPostgres]:
    found = DebianPostgres(tmp_path_factory.mktemp("debian"))
    await found.start()
    async with connected(found._url("trueup")) as connection:
        await connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reader-knows-it'")
    yield found
    await found.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DebianPostgres]:
    """Its certificate is of the same authority, for another name."""
    found = DebianPostgres(tmp_path_factory.mktemp("elsewhere"), "elsewhere")
    await found.start()
    yield found
    await found.stop()


def at(server: DebianPostgres, parameters: str, user: str = "trueup", password: str = "") -> str:
    return f"postgresql://{user}{password and ':' + password}@127.0.0.1:{server.port}/trueup?{parameters}"


async def test_we_prove_who_we_are_by_a_certificate_and_it_does(server: DebianPostgres) -> None:
    url = at(server, f"sslmode=verify-full&{TRUST}&{OURS}")
    async with connected(url) as connection, open_postgres(url, most=1) as pool, pool.connection() as pooled:
        for one in (connection, pooled):
            found = await one.fetchrow(_TLS)
            assert found["ssl"] and found["version"] in ("TLSv1.2", "TLSv1.3")
            assert found["client_dn"] == "/CN=trueup"


async def test_a_password_over_tls(server: DebianPostgres) -> None:
    trust = f"sslmode=verify-full&{TRUST}"
    async with connected(at(server, trust, "reader", "reader-knows-it")) as connection:
        assert (await connection.fetchrow(_TLS))["ssl"]
    with pytest.raises(PostgresUnreachableError, match="password authentication failed"):
        async with connected(at(server, trust, "reader", "guessed")):
            pass


async def test_the_store_of_this_version_is_made_on_postgres_15(server: DebianPostgres) -> None:
    url = at(server, f"sslmode=verify-full&{TRUST}&{OURS}")
    async with connected(url) as connection:
        assert (await connection.fetchval("SHOW server_version")).startswith("15.")
        await migrate_store(connection)
        await make_roles(connection, pytest.fail)
    for role in Role:
        async with connected(url, role) as connection:
            assert await connection.fetchval("SELECT current_user::text") == role
            with pytest.raises(NotMigratedError):  # there are no topics yet; the schema is whole
                await load_generations(connection)


REFUSED = {
    "another authority": (f"sslmode=verify-full&{OTHER_CA}&{OURS}", "certificate verify failed"),
    "another authority, the name not asked": (f"sslmode=verify-ca&{OTHER_CA}&{OURS}", "certificate verify failed"),
    "whom this machine trusts": (f"sslmode=verify-full&sslrootcert=system&{OURS}", "certificate verify failed"),
    "no certificate of ours": (f"sslmode=verify-full&{TRUST}", "connection requires a valid client certificate"),
    "no TLS": ("sslmode=disable", "no pg_hba.conf entry .* no encryption"),
}


@pytest.mark.parametrize("how", REFUSED)
async def test_who_is_not_trusted_is_refused_by_either_side(server: DebianPostgres, how: str) -> None:
    parameters, words = REFUSED[how]
    with pytest.raises(PostgresUnreachableError, match=words):
        async with connected(at(server, parameters)):
            pass


async def test_nobody_waits_for_what_no_waiting_mends(server: DebianPostgres) -> None:
    """A process waits for a Postgres that does not answer; one that refuses it ends it, and says so."""
    wrong = at(server, f"sslmode=verify-full&{TRUST}", "reader", "guessed"), at(server, f"sslmode=verify-ca&{OTHER_CA}")
    for url in wrong:
        begun = time.monotonic()
        with pytest.raises(
            NotLetIn, match=r"does not let us in, or is not trusted: .*; check user, password"
        ) as raised:
            await postgres_answers(url, 30)
        assert time.monotonic() - begun < 15 and "guessed" not in str(raised.value)
    with pytest.raises(NoAnswer, match="does not answer: tried SELECT 1 for 1 s"):
        await postgres_answers("postgresql://trueup@127.0.0.1:1/trueup", 1)


async def test_a_server_of_another_name_is_refused_if_the_name_is_asked_for(elsewhere: DebianPostgres) -> None:
    with pytest.raises(PostgresUnreachableError, match="IP address mismatch") as raised:
        async with connected(at(elsewhere, f"sslmode=verify-full&{TRUST}&{OURS}")):
            pass
    assert isinstance(raised.value.__cause__, ssl.SSLCertVerificationError)
    async with connected(at(elsewhere, f"sslmode=verify-ca&{TRUST}&{OURS}")) as connection:
        assert (await connection.fetchrow(_TLS))["ssl"]


async def test_the_name_counts_also_where_several_hosts_are_given(
    server: DebianPostgres, elsewhere: DebianPostgres
) -> None:
    hosts = f"127.0.0.1:{elsewhere.port},127.0.0.1:{server.port}"
    url = f"postgresql://trueup@{hosts}/trueup?sslmode=verify-full&{TRUST}&{OURS}"
    async with connected(url) as connection:
        assert await connection.fetchval("SHOW port") == str(server.port), "the one whose name is right"
    report = Report()
    assert await examine_hosts(report, url)
    [line] = [str(one) for one in report.findings if one.status == "wrong"]
    assert line.startswith(f"wrong     postgres-tls       127.0.0.1:{elsewhere.port}: shows a certificate")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(at(server, "sslmode=disable"))
