"""`python -m benchmarks.search`: searches over a million commitments of one organization, by HTTP: p50 and p99.

One account and one commitment are made by commands. All others are copies of their rows, a commitment's projected row
included, made by Postgres itself: as commands they would take hours, and the log has no part in a search.
"""

import statistics
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import md5
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import asyncpg
import click
import httpx
from rich.table import Table

from benchmarks.asking import RefusedRequestError
from benchmarks.catalog import CONFIG
from benchmarks.running import ORGANIZATION, Say, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import until
from services.access.client import SignedIn
from services.access.local import LocalKey, operators
from services.demo.client import Client
from services.postgres import open_postgres
from services.readside.live import live_schema
from services.run.up import System

AIM_MS = 50.0
#: So many commitments an account has, and a contract.
OF_ACCOUNT, OF_CONTRACT = 10, 100
DAYS, FIRST_DAY = 2000, "2020-01-01"
PROJECT_SECONDS = 60.0
_COLUMNS = """
SELECT string_agg(column_name, ', ') FROM information_schema.columns
WHERE table_schema = 'store' AND table_name = 'entities' AND is_generated = 'NEVER'
"""
_COPIES = """
INSERT INTO store.entities ({columns}) SELECT {columns} FROM (
    SELECT (jsonb_populate_record(e, {changes})).*
    FROM store.entities e, generate_series(1, $1) n, LATERAL ({named}) named WHERE e.id = $2
) copies
"""
#: $1 how many, $2 the account that is copied. Each copy is its own root.
_ACCOUNTS = {
    "named": "SELECT md5('account ' || n)::uuid AS new",
    "changes": """jsonb_build_object('id', new, 'root_id', new, 'position', -n,
        'body', body || jsonb_build_object('code', 'copy-' || n))""",
}
#: $1 how many, $2 the commitment that is copied, $3 how many accounts, $4 how many contracts.
_COMMITMENTS = {
    "named": """SELECT md5('commitment ' || n)::uuid AS new, md5('account ' || n % $3 + 1)::uuid AS account,
        md5('contract ' || n % $4)::uuid AS contract""",
    "changes": f"""jsonb_build_object('id', new, 'root_id', account, 'position', n, 'refs', ARRAY[account, contract],
        'body', body || jsonb_build_object('accountId', account, 'contractId', contract,
            'startDate', (date '{FIRST_DAY}' + (n % {DAYS})::int)::text))""",
}
_PROJECTED = """
INSERT INTO "{schema}".commitment_balances
SELECT (jsonb_populate_record(b, jsonb_build_object('commitment_id', md5('commitment ' || n)::uuid))).*
FROM "{schema}".commitment_balances b, generate_series(1, $1) n WHERE b.commitment_id = $2
"""


@dataclass(frozen=True, slots=True)
class Searched:
    """What was asked, and how long answers took. `found`: entries of the last page."""

    asked: str
    found: int
    p50_ms: float
    p99_ms: float


def copy_id(name: str) -> str:
    """As Postgres makes it of the copy's name."""
    return str(UUID(md5(name.encode()).hexdigest()))


def queries(commitments: int) -> list[tuple[str, str]]:
    """What is asked, in words and as parameters; all of it matches something."""
    account, contract = copy_id(f"account {commitments // OF_ACCOUNT // 2}"), copy_id("contract 0")
    return [
        ("of an account", f"accountId:{account}"),
        ("of an account, that began since", f"accountId:{account}$startDate>=2020-06-01"),
        ("of a contract", f"contractId:{contract}"),
        ("that began since, newest first", "startDate>=2022-01-01"),
        ("that began on one day", "startDate:2023-03-03"),
    ]


async def copy_accounts(raw: asyncpg.Connection, account: str, count: int) -> None:
    """So many copies of an account that was made by a command; `copy_id("account 1")` is the first one's id."""
    columns = await raw.fetchval(_COLUMNS)
    await raw.execute(_COPIES.format(columns=columns, **_ACCOUNTS), count, account)


async def fill(system: System, key: LocalKey, commitments: int) -> None:
    """The organization with so many commitments. Raises: NotFinishedError."""
    client = Client(system.addresses.api_url, ORGANIZATION, key)
    try:
        await client.call("PUT", "organizationconfig", CONFIG | {"testClock": False})
        account = await client.create("accounts", code="first", name="First", emailAddress="n@example.com")
        terms = {"amount": 100, "currency": "USD", "startDate": FIRST_DAY, "endDate": "2030-01-01"}
        first = await client.create("commitments", accountId=account, **terms)
    finally:
        await client.close()
    async with open_postgres(system.endpoints.database_url, most=1) as postgres, postgres.connection() as connection:
        schema = await live_schema(connection)

        async def look() -> tuple[bool, object]:
            row = await connection.fetchval(
                f'SELECT 1 FROM "{schema}".commitment_balances WHERE commitment_id = $1', first
            )
            return row is not None, "no row yet"

        await until("the projection of the first commitment", PROJECT_SECONDS, look, system.supervisor)
    raw = await asyncpg.connect(system.endpoints.database_url)
    try:
        columns, accounts = await raw.fetchval(_COLUMNS), commitments // OF_ACCOUNT
        await copy_accounts(raw, account, accounts)
        query = _COPIES.format(columns=columns, **_COMMITMENTS)
        await raw.execute(query, commitments, first, accounts, commitments // OF_CONTRACT)
        await raw.execute(_PROJECTED.format(schema=schema), commitments, first)
        await raw.execute("VACUUM ANALYZE")
    finally:
        await raw.close()


async def measure(system: System, key: LocalKey, commitments: int, times: int) -> list[Searched]:
    """Each search so often, in turns, one at a time."""
    took: dict[str, list[float]] = {}
    commitments_by_search: dict[str, int] = {}
    path = f"/organizations/{ORGANIZATION}/commitments/search?pageSize=10&searchQuery="
    async with httpx.AsyncClient(base_url=system.addresses.api_url, auth=SignedIn(key), timeout=60) as client:
        for _ in range(times):
            for search, query in queries(commitments):
                began = time.perf_counter()
                answer = await client.get(path + quote(query))
                took.setdefault(search, []).append((time.perf_counter() - began) * 1000)
                if answer.status_code != 200:
                    raise RefusedRequestError(f"GET {path}{query}", answer.status_code, answer.content)
                commitments_by_search[search] = len(answer.json()["data"])
    return [
        Searched(search, commitments_by_search[search], statistics.median(each), statistics.quantiles(each, n=100)[98])
        for search, each in took.items()
    ]


def table(searches: Iterable[Searched], commitments: int) -> Table:
    """The times against the aim."""
    shown = Table(title=f"searches over {commitments:,} commitments, one at a time")
    for column in ("commitments", "found", "p50 ms", "p99 ms", "aim"):
        shown.add_column(column, justify="left" if column == "commitments" else "right")
    for search in searches:
        shown.add_row(
            search.asked, str(search.found), f"{search.p50_ms:.1f}", f"{search.p99_ms:.1f}", f"< {AIM_MS:.0f}"
        )
    return shown


@click.command()
@click.option("--commitments", type=click.IntRange(1000, 100_000_000), default=1_000_000, help="How many there are.")
@click.option("--times", type=click.IntRange(2, 1_000_000), default=200, help="How often each search is asked.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(commitments: int, times: int, file: Path | None) -> None:
    """Measure searches; the last line of the output is JSON."""

    async def searched(system: System, _: Path, say: Say) -> list[Searched]:
        key = operators(system.keys, system.settings)
        say(f"copying {commitments:,} commitments")
        await fill(system, key, commitments)
        say("searching")
        return await measure(system, key, commitments, times)

    searches = on_empty_system("search", searched)
    show([table(searches, commitments)], [asdict(search) for search in searches], file)


if __name__ == "__main__":
    main()
