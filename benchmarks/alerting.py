"""`python -m benchmarks.alerting`: how long after the balance that passes a rule's threshold its alert is in the store.

Every account passes it once, at a steady rate. Both are looked for from outside, in the database, in one loop: what is
measured is right to a look, LOOK_SECONDS and what a query takes.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from benchmarks.running import ORGANIZATION, Say, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import until
from benchmarks.workload import CENTS, PREPAID, START, Load, usage
from events.resources.notifications import USED
from events.topics import USAGE, partition_of, usage_key
from services.access.local import operators
from services.demo.client import Client
from services.kafka import BatchWriter, Record
from services.run.up import System

#: Per cent of a prepayment at which the alert is raised, and calls that cost a little more.
THRESHOLD = 80
CALLS = PREPAID * (THRESHOLD + 5) // CENTS[1]
LOOK_SECONDS = 0.01
_PASSED = "SELECT commitment_id AS id FROM commitment_balances WHERE commitment_id = ANY ($1) AND spent * 100 >= $2"
_RAISED = """
SELECT data->>'subjectId' AS id FROM store.events
WHERE organization = $1 AND type = 'AlertRaised' AND data->>'subjectId' = ANY ($2)
"""


@dataclass(frozen=True, slots=True)
class Alerting:
    """Milliseconds from a balance's row until its alert: of half, of 99 % and of all accounts."""

    accounts: int
    rate: int
    p50_ms: float
    p99_ms: float
    most_ms: float


async def measure(system: System, accounts: int, rate: int, say: Say) -> Alerting:
    """Set up, publish and look. Raises: NotFinishedError, DemoError."""
    say(f"making {accounts:,} accounts")
    customers = await create_customers(
        system, Load(ORGANIZATION, accounts, system.settings.partitions, accounts).codes()
    )
    client = Client(system.addresses.api_url, ORGANIZATION, operators(system.keys, system.settings))
    try:
        rule = {"name": "Used", "code": "used", "description": "", "eventName": USED, "threshold": THRESHOLD}
        await client.create("notifications/configurations", **rule)
    finally:
        await client.close()
    await system.start(("ingest",))
    connection = await connect(system.endpoints.database_url)
    say(f"publishing {rate:,} events a second, by each of which a balance passes the threshold")
    publishing = asyncio.create_task(_publish(system, list(customers), rate))
    try:
        passed, raised = await _seen(system, connection, {customer.prepayment for customer in customers.values()})
        await publishing
    finally:
        publishing.cancel()
        await connection.close()
    late = sorted(1000 * (raised[id] - passed[id]) for id in passed)
    p50, p99, most = (round(late[min(len(late) - 1, int(share * len(late)))], 1) for share in (0.5, 0.99, 1.0))
    return Alerting(accounts, rate, p50, p99, most)


async def _publish(system: System, codes: list[str], rate: int) -> None:
    """One event for each account, at the rate."""
    started = time.monotonic()
    async with BatchWriter(system.endpoints.kafka) as writer:
        for number, code in enumerate(codes):
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            event = usage(ORGANIZATION, code, b"%d" % number, START, CALLS)
            partition = partition_of(ORGANIZATION, code, system.settings.partitions)
            await writer.append(USAGE, partition, [Record(usage_key(ORGANIZATION, code), event)])


async def _seen(
    system: System, connection: Any, prepayments: set[str]
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """When each balance was first seen behind the threshold, and its alert in the store, by id. Raises:
    NotFinishedError."""
    passed, raised = dict[str, float](), dict[str, float]()
    least = PREPAID * THRESHOLD

    async def look() -> tuple[bool, object]:
        await asyncio.sleep(LOOK_SECONDS)
        rows = await connection.fetch(_PASSED, sorted(prepayments - passed.keys()), least)
        passed.update(dict.fromkeys((row["id"] for row in rows), time.monotonic()))
        alerts = await connection.fetch(_RAISED, ORGANIZATION, sorted(passed.keys() - raised.keys()))
        raised.update(dict.fromkeys((row["id"] for row in alerts), time.monotonic()))
        return len(raised) == len(prepayments), f"{len(passed)} balances, {len(raised)} alerts"

    await until("raising the alerts", 60 + len(prepayments) / 10, look, system.supervisor)
    return passed, raised


def table(measured: Alerting) -> Table:
    """What was measured."""
    shown = Table(title=f"{measured.accounts:,} alerts, {measured.rate:,} a second: ms behind the balance's row")
    for column in ("half", "99 %", "all"):
        shown.add_column(column, justify="right")
    shown.add_row(*(f"{value:,.0f}" for value in (measured.p50_ms, measured.p99_ms, measured.most_ms)))
    return shown


@click.command()
@click.option("--accounts", default=1_000, show_default=True, help="Accounts, each with one alert.")
@click.option("--rate", default=50, show_default=True, help="Balances that pass the threshold in a second.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(accounts: int, rate: int, file: Path | None) -> None:
    """Measure how alerts follow balances; the last line of the output is JSON."""
    measured = on_empty_system("alerting", lambda system, _, say: measure(system, accounts, rate, say))
    show((table(measured),), asdict(measured), file)


if __name__ == "__main__":
    main()
