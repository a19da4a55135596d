"""`python -m benchmarks.pages`: whole pages of the console, as a browser fetches them: half of them, 99 %, CPU time.

Three pages: the overview of an organization of very many accounts; the page of an account with very many commitments,
which has a month of usage and is drawn on by it; a bill of very many lines, as it is shown first and with all of them.
What the account and the bill show was made by commands; the other accounts are copies (`benchmarks.overview`).
Each page says itself how long it asked the API, and how long it was rendered (`Server-Timing`). The account is looked
at as it stands, and once more after each of many changes: then nothing that was loaded before is of use.
"""

import re
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import httpx
from rich.table import Table

from benchmarks.accounts import PER_TRANSACTION, TERM, create_accounts
from benchmarks.asking import RefusedRequestError
from benchmarks.catalog import create_catalog, end_month
from benchmarks.overview import ACCOUNT_AIM, OVERVIEW_AIM, copy_outlooks
from benchmarks.product import publish, until_counted
from benchmarks.running import ORGANIZATION, Say, connect, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import cpu_seconds, until
from benchmarks.workload import Load
from services.access.local import LocalKey, operators
from services.commands.bodies import parse_body
from services.commands.messages import CreateResource
from services.demo.client import Client
from services.postgres import Postgres, open_postgres
from services.run.up import System
from services.store.execute import execute, load_locked, now_of
from services.store.generations import load_generations

BILL_AIM = 500.0
#: Fees of each commitment of the account whose bill is looked at: each is a line.
FEES = 5
PREPAID = 10
#: Usage of the month, which fifteen of the commitments pay for.
EVENTS = 2_800
PROJECT_SECONDS = 300.0
_SETTLED = "SELECT (SELECT count(*) FROM commitment_balances), (SELECT count(*) FROM due_accounts)"
_TIMING = re.compile(r"(\w+);dur=([\d.]+)")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page: milliseconds until its last byte, those in which the API was asked and in which it was rendered (half of
    them each), the CPU time of the API's process, and its size."""

    page: str
    p50_ms: float
    p99_ms: float
    api_ms: float
    rendering_ms: float
    cpu_ms: float
    kilobytes: float
    aim_ms: float


@dataclass(frozen=True, slots=True)
class Filled:
    """What is looked at."""

    account: str
    bill: str


async def fill(system: System, key: LocalKey, accounts: int, commitments: int) -> Filled:
    """The organization. Raises: NotFinishedError, DemoError."""
    client = Client(system.addresses.api_url, ORGANIZATION, key)
    connection = await connect(system.endpoints.database_url)
    load = Load(ORGANIZATION, EVENTS, system.settings.partitions, 1)
    try:
        plan = await create_catalog(client)
        async with open_postgres(system.endpoints.database_url, most=1) as postgres:
            [customer] = (
                await create_accounts(system.endpoints.database_url, ORGANIZATION, plan, load.codes(), PREPAID)
            ).values()
            billed = await client.create("accounts", code="billed", name="Billed", emailAddress="b@example.com")
            await create_commitments(postgres, customer.account, commitments - 1, {"amountPrePaid": PREPAID})
            await create_commitments(postgres, billed, commitments, {"feeDates": list(_fees())})
        await end_month(client)
        await system.start(("ingest",))
        await publish(system, load)
        await until_counted(system, connection, load)

        async def settled() -> tuple[bool, object]:
            seen = tuple(await connection.fetchrow(_SETTLED))
            return seen == (2 * commitments, 0), f"{seen[0]} of {2 * commitments} commitments, {seen[1]} accounts due"

        await until("the settlement of the commitments", PROJECT_SECONDS, settled, system.supervisor)
        bill = await _issued(system, client, billed)
        await copy_outlooks(system, customer.account, customer.prepayment, accounts)
    finally:
        await connection.close()
        await client.close()
    return Filled(customer.account, bill)


async def create_commitments(postgres: Postgres, account: str, count: int, terms: dict[str, Any]) -> None:
    """So many of one account, by the product's own command layer, many to a transaction."""
    body = {"accountId": account, "amount": PREPAID, "currency": "USD", **TERM, **terms}
    async with postgres.connection() as connection:
        generations = await load_generations(connection)
        for start in range(0, count, PER_TRANSACTION):
            async with connection.transaction():
                for _ in range(start, min(start + PER_TRANSACTION, count)):
                    resources = await load_locked(connection, ORGANIZATION)
                    command = CreateResource(
                        "commitment", str(uuid4()), parse_body("commitment", body), now_of(resources)
                    )
                    await execute(connection, resources, command, generations)


def _fees() -> Iterator[dict[str, Any]]:
    """Of one commitment, all due within the month."""
    for day in range(1, FEES + 1):
        period = {"servicePeriodStartDate": f"2026-01-{day:02}", "servicePeriodEndDate": f"2026-01-{day + 1:02}"}
        yield {"date": f"2026-01-{day:02}", "amount": PREPAID // FEES, **period}


async def _issued(system: System, client: Client, account: str) -> str:
    """The account's bill of the month."""
    body = {"accountIds": [account], "lastDateInBillingPeriod": "2026-01-31"}
    job = await client.call("POST", "billjobs", body)

    async def done() -> tuple[bool, object]:
        now = await client.call("GET", f"billjobs/{job['id']}")
        return now["status"] == "COMPLETE", now["status"]

    await until("the bill job", PROJECT_SECONDS, done, system.supervisor)

    async def shown() -> tuple[bool, object]:
        bills = (await client.call("GET", f"bills?accountId={account}&excludeLineItems=true"))["data"]
        return bool(bills), "no bill yet"

    await until("the projection of the bill", PROJECT_SECONDS, shown, system.supervisor)
    [bill] = (await client.call("GET", f"bills?accountId={account}&excludeLineItems=true"))["data"]
    return str(bill["id"])


async def measure(system: System, key: LocalKey, filled: Filled, times: int, sizes: tuple[int, int]) -> list[Fetched]:
    """Each page so often, one at a time, signed in as a browser is. `sizes`: accounts, commitments."""
    accounts, commitments = sizes
    account, bill = f"account with {commitments:,} commitments", f"bill of {commitments * FEES:,} lines"
    client = Client(system.addresses.api_url, ORGANIZATION, key)

    async def amend() -> None:
        account_document = await client.call("GET", f"accounts/{filled.account}")
        await client.call("PUT", f"accounts/{filled.account}", account_document)

    async with httpx.AsyncClient(base_url=system.addresses.api_url, timeout=60) as browser:
        form = {"key": key.access_key_id, "secret": key.api_secret, "next": ""}
        entered = await browser.post("/console/sign-in", data=form)
        if entered.status_code != 303:
            raise RefusedRequestError("POST /console/sign-in", entered.status_code, entered.content)
        try:
            return [
                await _fetched(browser, f"overview of {accounts:,} accounts", "", OVERVIEW_AIM, times),
                await _fetched(browser, account, f"/accounts/{filled.account}", ACCOUNT_AIM, times),
                await _fetched(browser, bill, f"/bills/{filled.bill}", BILL_AIM, times),
                await _fetched(browser, f"{account}, just amended", f"/accounts/{filled.account}", 0.0, times, amend),
                await _fetched(browser, f"{bill}, all on one page", f"/bills/{filled.bill}?lines=all", 0.0, times),
            ]
        finally:
            await client.close()


async def _nothing() -> None:
    pass


async def _fetched(
    browser: httpx.AsyncClient,
    name: str,
    path: str,
    aim: float,
    times: int,
    before: Callable[[], Awaitable[None]] = _nothing,
) -> Fetched:
    """Once before, for what is compiled and read once; then so often, each time after what comes `before` it."""
    address = f"/console/organizations/{ORGANIZATION}{path}"
    await _page(browser, address)
    took, parts = list[float](), dict[str, list[float]]()
    cpu, size = 0.0, 0
    for _ in range(times):
        await before()
        began, used = time.perf_counter(), cpu_seconds("api")
        page = await _page(browser, address)
        took.append((time.perf_counter() - began) * 1000)
        cpu += (cpu_seconds("api") - used) * 1000 / times
        size = len(page.content)
        for part, milliseconds in _TIMING.findall(page.headers["server-timing"]):
            parts.setdefault(part, []).append(float(milliseconds))
    median, most = statistics.median, statistics.quantiles(took, n=100)[98]
    api, rendering = (median(parts[part]) for part in ("api", "rendering"))
    half, whole = round(median(took), 1), round(most, 1)
    return Fetched(name, half, whole, round(api, 1), round(rendering, 1), round(cpu, 1), round(size / 1000, 1), aim)


async def _page(browser: httpx.AsyncClient, address: str) -> httpx.Response:
    page = await browser.get(address)
    if page.status_code != 200:
        raise RefusedRequestError(f"GET {address}", page.status_code, page.content)
    return page


def table(measured: Iterable[Fetched]) -> Table:
    """The times against the aims."""
    shown = Table(title="pages of the console, one at a time")
    columns = ("page", "p50 ms", "p99 ms", "API ms", "rendering ms", "CPU ms", "kB", "aim")
    for column in columns:
        shown.add_column(column, justify="left" if column == "page" else "right")
    for row in measured:
        numbers: Sequence[float] = (row.p50_ms, row.p99_ms, row.api_ms, row.rendering_ms, row.cpu_ms, row.kilobytes)
        aim = f"< {row.aim_ms:.0f}" if row.aim_ms else "-"
        shown.add_row(row.page, *(f"{number:.0f}" for number in numbers), aim)
    return shown


@click.command()
@click.option("--accounts", type=click.IntRange(1, 10_000_000), default=100_000, help="How many there are.")
@click.option("--commitments", type=click.IntRange(2, 10_000), default=1_000, help="How many one account has.")
@click.option("--times", type=click.IntRange(2, 1_000_000), default=30, help="How often each page is fetched.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(accounts: int, commitments: int, times: int, file: Path | None) -> None:
    """Measure whole pages; the last line of the output is JSON."""

    async def looked(system: System, _: Path, say: Say) -> list[Fetched]:
        key = operators(system.keys, system.settings)
        say(f"making 2 x {commitments:,} commitments, copying {accounts:,} accounts")
        filled = await fill(system, key, accounts, commitments)
        say("fetching pages")
        return await measure(system, key, filled, times, (accounts, commitments))

    measured = on_empty_system("pages", looked)
    show([table(measured)], [asdict(row) for row in measured], file)


if __name__ == "__main__":
    main()
