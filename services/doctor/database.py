"""Checks whether Postgres lets us in: every host of the address, its version and encoding; and whether a connection is
one session of the server.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from services.doctor.findings import Check, Report, Status
from services.postgres import reach
from services.postgres_url import Host, PostgresUrl, redacted
from services.store.fence import IDENTITY

SECONDS = 5.0
#: The oldest version of Postgres that the tests run on.
LEAST_POSTGRES = 15
_LOOKS = 10
_STANDS = """
SELECT pg_is_in_recovery() AS is_standby, current_setting('server_version_num')::integer / 10000 AS version,
    current_setting('server_version') AS shown, current_setting('server_encoding') AS encoding,
    current_setting('transaction_read_only') AS read_only, current_user AS who, current_database() AS database,
    (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS has_tls
"""
_PID = "SELECT pg_backend_pid()"


async def examine_hosts(report: Report, url: str) -> bool:
    """Try each host of the address. Returns whether one of them lets us in and takes writes."""
    address = PostgresUrl.of(url)
    writes = False
    for host in address.hosts or (None,):
        writes |= await _try(report, url, host, address)
    if not writes and all(finding.status is not Status.WRONG for finding in report.findings):
        says = "no host takes writes: all are standbys, or read only"
        report.wrong(Check.POSTGRES_REACHED, "Postgres", says, "name the primary in TRUEUP_DATABASE_URL")
    return writes


async def _try(report: Report, url: str, host: Host | None, address: PostgresUrl) -> bool:
    about = _about(host, url)
    try:
        async with _only(address, host) as raw:
            stands = await raw.fetchrow(_STANDS)
    except Exception as error:  # whatever a client raises is the reason why we are not let in
        _say_why(report, about, address, error)
        return False
    what = "takes writes" if stands["read_only"] == "off" else "only reads"
    if stands["is_standby"]:
        what = "a standby"
    report.ok(Check.POSTGRES_REACHED, about, f"lets in {stands['who']!r}, {what}")
    _say_tls(report, about, host, address)
    version = f"Postgres {stands['shown']}"
    if stands["version"] < LEAST_POSTGRES:
        report.wrong(Check.POSTGRES_VERSION, about, version, f"upgrade it to {LEAST_POSTGRES} or newer")
    else:
        report.ok(Check.POSTGRES_VERSION, about, version)
    if stands["encoding"] != "UTF8":
        says = f"database {stands['database']!r} has encoding {stands['encoding']}, not UTF8"
        report.wrong(Check.POSTGRES_DATABASE, about, says, "make it with CREATE DATABASE ... ENCODING 'UTF8'")
    return bool(not stands["is_standby"] and stands["read_only"] == "off")


@asynccontextmanager
async def _only(address: PostgresUrl, host: Host | None) -> AsyncIterator[Any]:
    """A connection to this one of several hosts, even if it is a standby or read-only; closed after the block."""
    raw = await reach(address.only(host), timeout=SECONDS, command_timeout=SECONDS, statement_cache_size=0)
    try:
        # Within a transaction one server answers all statements, even where a pooler gives each statement to another
        # server.
        async with raw.transaction():
            yield raw
    finally:
        raw.terminate()


def _about(host: Host | None, url: str) -> str:
    return redacted(url) if host is None else f"{host.name}:{host.port}"


def _say_why(report: Report, about: str, address: PostgresUrl, error: Exception) -> None:
    text, wrong = str(error) or type(error).__name__, report.wrong
    match error:
        case ssl.SSLCertVerificationError():
            says = f"shows a certificate that is not trusted: {error.verify_message}"
            wrong(Check.POSTGRES_TLS, about, says, _trust_of(address))
        case ssl.SSLError():
            wrong(Check.POSTGRES_TLS, about, f"TLS fails: {text}", "check sslmode, sslcert and sslkey of the address")
        case ConnectionError() if "SSL upgrade" in text:
            mend = "have it speak TLS (ssl=on), or lower sslmode of TRUEUP_DATABASE_URL"
            wrong(Check.POSTGRES_TLS, about, "speaks no TLS", mend)
        case asyncpg.InvalidCatalogNameError():
            mend = "make it (CREATE DATABASE ... ENCODING 'UTF8'), or mend its name in TRUEUP_DATABASE_URL"
            wrong(Check.POSTGRES_DATABASE, about, text, mend)
        case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InterfaceError():
            mend = (
                "check the user of TRUEUP_DATABASE_URL, TRUEUP_DATABASE_PASSWORD or its file, sslcert, and pg_hba.conf"
            )
            wrong(Check.POSTGRES_LOGIN, about, text, mend)
        case asyncpg.InsufficientPrivilegeError():
            mend = "GRANT CONNECT ON DATABASE to that user"
            wrong(Check.POSTGRES_RIGHT, about, text, mend)
        case asyncpg.TooManyConnectionsError():
            mend = "raise max_connections; docs/deploy.md says how many we take"
            wrong(Check.POSTGRES_REACHED, about, text, mend)
        case _:
            mend = "check host and port of TRUEUP_DATABASE_URL, and that the way there is open from here"
            wrong(Check.POSTGRES_REACHED, about, f"does not answer: {text}", mend)


def _trust_of(address: PostgresUrl) -> str:
    signer = address.parameters.get("sslrootcert", "~/.postgresql/root.crt")
    return f"sslrootcert ({signer}) must hold who signed it, and with sslmode=verify-full the host be a name in it"


def _say_tls(report: Report, about: str, host: Host | None, address: PostgresUrl) -> None:
    mode = address.parameters.get("sslmode", "prefer")
    if host is None or host.name.startswith("/"):
        return
    if mode == "verify-full":
        report.ok(Check.POSTGRES_TLS, about, "its certificate is of whom we trust, and for this name")
    else:
        report.note(Check.POSTGRES_TLS, about, f"sslmode is {mode}: who answers is not proven", "set verify-full")


async def examine_pooler(report: Report, pooler: str, url: str) -> None:
    """Check that the pooler, which requests of the API use, reaches the same database as all other connections."""
    identities = []
    for way in (url, pooler):
        about = "Postgres" if way is url else "TRUEUP_DATABASE_POOLER_URL"
        try:
            async with _only(PostgresUrl.of(way), None) as raw:
                identities.append(await raw.fetchval(f"SELECT {IDENTITY}"))
        except Exception as error:  # whatever a client raises is the reason why we are not let in
            _say_why(report, about, PostgresUrl.of(way), error)
            return
    if identities[0] == identities[1]:
        report.ok(Check.POSTGRES_POOLER, "TRUEUP_DATABASE_POOLER_URL", "reaches the same database")
        return
    mend = "have it pool for the server and the database of TRUEUP_DATABASE_URL"
    report.wrong(Check.POSTGRES_POOLER, "TRUEUP_DATABASE_POOLER_URL", "reaches another database", mend)


async def examine_session(report: Report, url: str) -> None:
    """Check that a connection keeps its server process, because locks, roles and LISTEN belong to a session.

    Two connections run transactions in turn. Without a pooler each of them has one server process, and a different one.
    A pooler by transactions gives both the same process, or several processes to one of them.
    """
    first = await reach(url, timeout=SECONDS, command_timeout=SECONDS, statement_cache_size=0)
    other = await reach(url, timeout=SECONDS, command_timeout=SECONDS, statement_cache_size=0)
    pids_of: tuple[set[int], set[int]] = (set(), set())
    try:
        for _ in range(_LOOKS):
            for connection, pids in zip((first, other), pids_of, strict=True):
                async with connection.transaction():
                    pids.add(await connection.fetchval(_PID))
    finally:
        first.terminate()
        other.terminate()
    about = "Postgres"
    if len(pids_of[0]) == len(pids_of[1]) == 1 and not pids_of[0] & pids_of[1]:
        report.ok(Check.POSTGRES_SESSION, about, "a connection is a session")
        return
    says = "a pooler in between gives each transaction another session"
    mend = "set its pool_mode to session, or give TRUEUP_DATABASE_URL the server's own address"
    report.wrong(Check.POSTGRES_SESSION, about, says, mend)
