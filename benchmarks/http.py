"""`python -m benchmarks.http`: the API against a bare FastAPI and asyncpg handler, requests a second on one Postgres.

A commitment is created, got and listed on accounts with none, a hundred and a thousand others: what one command costs
must not grow with its neighbours. Bare and product take turns, so that both meet the machine's good and bad hours.
"""

import asyncio
import http.client
import json
import statistics
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
from rich.table import Table

from benchmarks.accounts import TERM
from benchmarks.asking import CLIENTS, Request, bearer, per_second
from benchmarks.catalog import CONFIG
from benchmarks.running import ORGANIZATION, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import until
from services.access.local import operators
from services.demo.client import Client
from services.postgres import open_postgres
from services.run.stack.child import Command
from services.run.up import System
from services.store.generations import load_generations

ROUNDS, START_SECONDS = 3, 60.0
NEIGHBOURS = (0, 100, 1000)
#: Measurements of one request: as many as it may have.
AT_ONCE = 1000
AIMS = {"get": 0.6, "create": 0.4}


@dataclass(frozen=True, slots=True)
class Measured:
    """Requests a second, the median of the rounds; `ratio` is the median of each round's, against the bare handler."""

    name: str
    per_second: float
    bare_per_second: float
    ratio: float


async def measure(
    system: System, folder: Path, requests: int, neighbours: Iterable[int], say: Callable[[str], None]
) -> list[Measured]:
    """All kinds of request, each against its bare one, in turns. Raises: RefusedRequestError, NotFinishedError."""
    say("setting the organization up")
    port = urlsplit(system.addresses.api_url).port or 0
    bare_port = await _start_bare(system, folder)
    bare = {"create": Request("bare create", "POST", "/things", {"amount": 1.5, "currency": "USD", **TERM})}
    bare["get"] = Request("bare get", "GET", f"/things/{await _made(bare_port, bare['create'])}")
    results = []
    for request in await _load(system, neighbours):
        say(request.name)
        other = bare[request.bare]
        ours, theirs, ratios = [], [], []
        for _ in range(ROUNDS):
            theirs.append(await per_second(bare_port, other, requests))
            ours.append(await per_second(port, request, requests))
            ratios.append(ours[-1] / theirs[-1])
        medians = (statistics.median(speeds) for speeds in (ours, theirs, ratios))
        results.append(Measured(request.name, *medians))
    return results


async def _start_bare(system: System, folder: Path) -> int:
    ready_file = folder / "bare.json"
    argv = [sys.executable, "-m", "benchmarks.bare", system.endpoints.database_url, str(ready_file)]
    system.supervisor.start(Command("bare", argv, {}, folder / "bare.log"))

    async def look() -> tuple[bool, object]:
        return ready_file.exists(), "not ready"

    await until("the start of the bare server", START_SECONDS, look, system.supervisor)
    port: int = json.loads(ready_file.read_text())["port"]
    return port


async def _made(port: int, request: Request) -> str:
    """The id of one that is created."""

    def create() -> str:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(request.method, request.path, json.dumps(request.body), {"content-type": "application/json"})
        document: dict[str, str] = json.loads(connection.getresponse().read())
        return document["id"]

    return await asyncio.to_thread(create)


async def _load(system: System, neighbours: Iterable[int]) -> list[Request]:
    """The requests, on accounts with so many commitments."""
    key = operators(system.keys, system.settings)
    client = Client(system.addresses.api_url, ORGANIZATION, key)
    here, results = f"/organizations/{ORGANIZATION}", list[Request]()
    credentials = b64encode(f"{key.access_key_id}:{key.api_secret}".encode()).decode()
    signed = (("authorization", await bearer(system.addresses.api_url, key)),)
    try:
        await client.call("PUT", "organizationconfig", CONFIG | {"testClock": False})
        for number in neighbours:
            account = await client.create("accounts", code=f"n{number}", name="N", emailAddress="n@example.com")
            terms = {"accountId": account, "amount": 100, "currency": "USD", **TERM}
            for _ in range(number):
                await client.create("commitments", **terms)
            commitment, ten = await client.create("commitments", **terms), f"{here}/commitments?pageSize=10"
            results += [
                Request(f"get commitment beside {number}", "GET", f"{here}/commitments/{commitment}", headers=signed),
                Request(f"list 10 of the account's {number}", "GET", f"{ten}&accountId={account}", headers=signed),
                Request(
                    f"create commitment, the account's {number}th and on",
                    "POST",
                    f"{here}/commitments",
                    terms,
                    signed,
                    bare="create",
                ),
            ]
        field = {"code": "n", "name": "N", "category": "MEASURE", "unit": "1"}
        await client.create("meters", code="calls", name="Calls", dataFields=[field], derivedFields=[])
    finally:
        await client.close()
    measured = {"account": f"n{NEIGHBOURS[0]}", "meter": "calls", "ts": "2026-03-01T00:00:00Z", "measure": {"n": 1}}
    measurements = [{**measured, "uid": f"u{number}"} for number in range(AT_ONCE)]
    basic = (("authorization", f"Basic {credentials}"),)
    search = f"{here}/commitments/search?searchQuery=startDate%3E2025-01-01"
    results += [
        Request("search commitments", "GET", search, headers=signed),
        Request(
            f"{AT_ONCE:,} measurements",
            "POST",
            f"{here}/measurements",
            {"measurements": measurements},
            signed,
            "create",
        ),
        Request("token", "POST", "/oauth/token", {"grant_type": "client_credentials"}, basic),
    ]
    await _until_projected(system)
    return results


async def _until_projected(system: System) -> None:
    """All commands so far are settled, so that what is read is what a quiet system has."""
    async with open_postgres(system.endpoints.database_url, most=1) as postgres, postgres.connection() as connection:
        await load_generations(connection)

        async def look() -> tuple[bool, object]:
            head = await connection.fetchval("SELECT max(position) FROM store.events")
            relayed = await connection.fetchval("SELECT position FROM store.relay")
            schema = await connection.fetchval("SELECT name FROM store.live_schema")
            due = await connection.fetchval(f'SELECT count(*) FROM "{schema}".due_accounts')
            balances = await connection.fetchval(f'SELECT count(*) FROM "{schema}".commitment_balances')
            wanted = await connection.fetchval("SELECT count(*) FROM store.entities WHERE kind = 'commitment'")
            seen = (relayed, due, balances)
            return seen == (head, 0, wanted), f"relayed, due, balances: {seen}; wanted {head}, 0, {wanted}"

        await until("the projection of the commitments", START_SECONDS * 2, look, system.supervisor)


def table(results: Iterable[Measured]) -> Table:
    """Requests a second against the bare handler's."""
    shown = Table(title=f"the API against a bare FastAPI and asyncpg handler, {CLIENTS} clients")
    for column in ("request", "a second", "bare", "ratio", "aim"):
        shown.add_column(column, justify="left" if column == "request" else "right")
    for compared in results:
        aim = AIMS.get(compared.name.split()[0])
        numbers = (f"{compared.per_second:,.0f}", f"{compared.bare_per_second:,.0f}", f"{compared.ratio:.2f}")
        shown.add_row(compared.name, *numbers, "" if aim is None else f">= {aim}")
    return shown


@click.command()
@click.option("--requests", type=click.IntRange(CLIENTS, 1_000_000), default=400, help="Requests of each kind a round.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(requests: int, file: Path | None) -> None:
    """Measure HTTP; the last line of the output is JSON."""
    results = on_empty_system("http", lambda system, folder, say: measure(system, folder, requests, NEIGHBOURS, say))
    show([table(results)], [asdict(compared) for compared in results], file)


if __name__ == "__main__":
    main()
