"""`sslmode` and its files mean what libpq says: who is not trusted is not spoken to, and is told why."""

from urllib.parse import parse_qs, urlsplit

import pytest

from services.postgres import PostgresUnreachableError, connected, open_postgres
from services.run.stack import Stack
from services.run.stack.probe import postgres_answers
from tests.servers.secured_kafka import PEM
from tests.servers.terminator import terminated

pytestmark = pytest.mark.stack
TRUST = f"sslrootcert={PEM / 'ca.pem'}"
OURS = f"sslcert={PEM / 'client.pem'}&sslkey={PEM / 'client.key'}"


def socket_folder(stack: Stack) -> str:
    return parse_qs(urlsplit(stack.endpoints.database_url).query)["host"][0]


def at(port: int, parameters: str) -> str:
    return f"postgresql://trueup@127.0.0.1:{port}/trueup?{parameters}"


@pytest.mark.parametrize(
    "parameters", ["sslmode=require", f"sslmode=verify-ca&{TRUST}", f"sslmode=verify-full&{TRUST}"]
)
async def test_a_server_that_is_trusted_is_spoken_to(stack: Stack, parameters: str) -> None:
    async with terminated(socket_folder(stack)) as port:
        url = at(port, f"{parameters}&connect_timeout=10&application_name=trueup-tests")
        await postgres_answers(url, 5)
        async with (
            connected(url) as connection,
            open_postgres(url, most=1) as postgres,
            postgres.connection() as pooled,
        ):
            for reached in (connection, pooled):
                assert await reached.fetchval("SELECT current_setting('application_name')") == "trueup-tests"


async def test_a_certificate_of_ours_is_shown(stack: Stack) -> None:
    async with terminated(socket_folder(stack), ask=True) as port:
        async with connected(at(port, f"sslmode=verify-full&{TRUST}&{OURS}")) as connection:
            assert await connection.fetchval("SELECT 1") == 1
        with pytest.raises(PostgresUnreachableError):
            async with connected(at(port, f"sslmode=verify-full&{TRUST}")):
                pass


REFUSED = {
    "another authority": (
        "server",
        f"sslmode=verify-ca&sslrootcert={PEM / 'other-ca.pem'}",
        "certificate verify failed",
    ),
    "another name": ("elsewhere", f"sslmode=verify-full&{TRUST}", "IP address mismatch"),
    "nobody this machine trusts": ("server", "sslmode=verify-full&sslrootcert=system", "certificate verify failed"),
}


@pytest.mark.parametrize("how", REFUSED)
async def test_a_server_that_is_not_trusted_is_not_spoken_to(stack: Stack, how: str) -> None:
    certificate, parameters, words = REFUSED[how]
    async with terminated(socket_folder(stack), certificate) as port:
        with pytest.raises(PostgresUnreachableError, match=words):
            async with connected(at(port, parameters)):
                pass


async def test_a_name_that_is_not_checked_does(stack: Stack) -> None:
    async with (
        terminated(socket_folder(stack), "elsewhere") as port,
        connected(at(port, f"sslmode=verify-ca&{TRUST}")) as connection,
    ):
        assert await connection.fetchval("SELECT 1") == 1
