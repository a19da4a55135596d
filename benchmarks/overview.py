"""`python -m benchmarks.overview`: an organization of very many accounts at a glance, an account's outlook, by HTTP.

One account and one commitment are made by commands. All other accounts are copies of their rows, each with an outlook
that Postgres makes up, and so are the outlooks of one account with very many commitments: the log has no part in it.
"""

import statistics
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import httpx
from rich.table import Table

from benchmarks.asking import RefusedRequestError
from benchmarks.catalog import CONFIG
from benchmarks.running import ORGANIZATION, Say, connect, on_empty_system
from benchmarks.search import PROJECT_SECONDS, copy_accounts, copy_id
from benchmarks.showing import show
from benchmarks.waiting import until
from services.access.client import SignedIn
from services.access.local import LocalKey, operators
from services.demo.client import Client
from services.run.up import System

#: Milliseconds; and how many commitments the account with very many has.
OVERVIEW_AIM, ACCOUNT_AIM, OF_ONE = 500.0, 300.0, 1_000
_FIRST = "SELECT 1 FROM outlooks WHERE commitment_id = $1"
#: $1 how many, $2 the commitment that is copied: a copy of each account, of three kinds and three currencies, every
#: other one with money at stake, whose true-ups fall into the months of a year.
_OUTLOOKS = """
INSERT INTO outlooks
SELECT (jsonb_populate_record(o, jsonb_build_object(
    'root_id', {root}, 'number', {number}, 'account_id', {root}, 'commitment_id', md5('{name} ' || n)::uuid,
    'kind', (ARRAY['PREPAYMENT', 'MINIMUM', 'BALANCE'])[n % 3 + 1],
    'currency', (ARRAY['USD', 'EUR', 'JPY'])[n / 3 % 3 + 1],
    'until', o.as_of + n % 365, 'at_stake_7', n % 997, 'at_stake_30', CASE WHEN n % 2 = 0 THEN n % 997 ELSE 0 END,
    'at_stake_90', n % 991, 'lapses_30', CASE WHEN n % 2 = 0 THEN 0 ELSE n % 997 END
))).*
FROM outlooks o, generate_series(1, $1) n WHERE o.commitment_id = $2
"""
_EACH = {"root": "md5('account ' || n)::uuid::text", "number": "1", "name": "commitment"}
_DIRECTORY = """
INSERT INTO account_directory
SELECT (jsonb_populate_record(d, jsonb_build_object('account_id', id, 'root_id', id))).*
FROM account_directory d, generate_series(1, $1) n,
    LATERAL (SELECT md5('account ' || n)::uuid::text AS id) made
WHERE d.account_id = $2
"""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked at, how long answers took, and what is aimed at."""

    asked: str
    p50_ms: float
    p99_ms: float
    aim_ms: float


async def fill(system: System, key: LocalKey, accounts: int) -> None:
    """The organization with so many accounts. Raises: NotFinishedError."""
    client = Client(system.addresses.api_url, ORGANIZATION, key)
    try:
        await client.call("PUT", "organizationconfig", CONFIG | {"testClock": False})
        account = await client.create("accounts", code="first", name="First", emailAddress="n@example.com")
        terms = {"amount": 100, "currency": "USD", "startDate": "2020-01-01", "endDate": "2100-01-01"}
        first = await client.create("commitments", accountId=account, **terms)
    finally:
        await client.close()
    await copy_outlooks(system, account, first, accounts)
    connection = await connect(system.endpoints.database_url)
    try:
        # Those of one account stand beside its own.
        of_one_account = {"root": f"'{copy_id('account 1')}'", "number": "n + 1", "name": "of one"}
        await connection.execute(_OUTLOOKS.format(**of_one_account), OF_ONE - 1, first)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def copy_outlooks(system: System, account: str, commitment: str, accounts: int) -> None:
    """So many copies of an account that was made by a command, each with an outlook made of that of its commitment.

    Raises: NotFinishedError, if the commitment has none.
    """
    connection = await connect(system.endpoints.database_url)
    try:

        async def look() -> tuple[bool, object]:
            return await connection.fetchval(_FIRST, commitment) is not None, "no row yet"

        await until("the outlook of the first commitment", PROJECT_SECONDS, look, system.supervisor)
        await copy_accounts(connection, account, accounts)
        await connection.execute(_DIRECTORY, accounts, account)
        await connection.execute(_OUTLOOKS.format(**_EACH), accounts, commitment)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def measure(system: System, key: LocalKey, times: int) -> list[Looked]:
    """Each so often, in turns, one at a time."""
    paths = [
        ("overview", "overview", OVERVIEW_AIM),
        (f"account with {OF_ONE:,} commitments", f"accounts/{copy_id('account 1')}/outlook", ACCOUNT_AIM),
    ]
    took: dict[str, list[float]] = {name: [] for name, _, _ in paths}
    async with httpx.AsyncClient(base_url=system.addresses.api_url, auth=SignedIn(key), timeout=60) as client:
        for _ in range(times):
            for name, path, _ in paths:
                began = time.perf_counter()
                answer = await client.get(f"/organizations/{ORGANIZATION}/{path}")
                took[name].append((time.perf_counter() - began) * 1000)
                if answer.status_code != 200:
                    raise RefusedRequestError(f"GET {path}", answer.status_code, answer.content)
    return [
        Looked(name, statistics.median(took[name]), statistics.quantiles(took[name], n=100)[98], aim)
        for name, _, aim in paths
    ]


def table(measured: Iterable[Looked], accounts: int) -> Table:
    """The times against the aims."""
    shown = Table(title=f"an organization of {accounts:,} accounts, one request at a time")
    for column in ("looked at", "p50 ms", "p99 ms", "aim"):
        shown.add_column(column, justify="left" if column == "looked at" else "right")
    for looked in measured:
        shown.add_row(looked.asked, f"{looked.p50_ms:.1f}", f"{looked.p99_ms:.1f}", f"< {looked.aim_ms:.0f}")
    return shown


@click.command()
@click.option("--accounts", type=click.IntRange(1, 10_000_000), default=100_000, help="How many there are.")
@click.option("--times", type=click.IntRange(2, 1_000_000), default=100, help="How often each is asked.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(accounts: int, times: int, file: Path | None) -> None:
    """Measure overviews; the last line of the output is JSON."""

    async def looked(system: System, _: Path, say: Say) -> list[Looked]:
        key = operators(system.keys, system.settings)
        say(f"copying {accounts:,} accounts")
        await fill(system, key, accounts)
        say("looking")
        return await measure(system, key, times)

    measured = on_empty_system("overview", looked)
    show([table(measured, accounts)], [asdict(looked) for looked in measured], file)


if __name__ == "__main__":
    main()
