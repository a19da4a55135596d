"""`trueup demo`: the main job on real input, in under a minute, on a stack of its own."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import click
import uvloop
from aiokafka import AIOKafkaProducer
from rich.console import Console

from services.demo import show
from services.demo.story import CUSTOMERS, Month, month_before
from services.demo.trace_file import SHIPPED, Request, read_trace, stretched
from services.demo.wire import Client, DemoError, dealt, publish, set_up
from services.settings import load_settings
from services.stack.supervise import stop_on_signals
from services.up.system import System, running_system

#: The trace is published in this many parts, with a look at the balances after each.
PARTS = 24
LOOK_SECONDS = 0.1
JOB_LOOKS = 600


@click.command()
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    default=SHIPPED,
    help="CSV: TIMESTAMP, ContextTokens, GeneratedTokens.",
)
def demo(trace: Path) -> None:
    """Bill a month of LLM requests under commitments and prove the bills by replay. KEEP=1 keeps the system up."""
    month = month_before(datetime.now(UTC).date())
    requests = stretched(read_trace(trace), month.start, month.end)
    keep = os.environ.get("KEEP", "") not in ("", "0")
    status = uvloop.run(_demo(requests, month, keep, Console()))
    raise SystemExit(status)


async def _demo(requests: list[Request], month: Month, keep: bool, console: Console) -> int:
    organization = f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    with console.status(
        "starting Kafka, Postgres, relay, ingest, projector and API (the first start downloads Kafka) ..."
    ):
        running = running_system(load_settings(), quiet=True)
        system = await running.__aenter__()
    try:
        client = Client(system.addresses.api_url, organization)
        try:
            await system.while_all_run(_main_job(client, system, requests, month, console))
        finally:
            await client.close()
        status = await _audit(system)
        if keep:
            await _keep_up(system, organization, console)
    finally:
        await running.__aexit__(None, None, None)
    return status


async def _main_job(client: Client, system: System, requests: list[Request], month: Month, console: Console) -> None:
    customers = await set_up(client, month)
    name = f"[bold]{client.organization}[/]"
    console.print(f"{name}: {len(customers)} accounts, {len(requests):,} requests over {month.first:%B %Y}")
    await _publish_and_watch(client, system, requests, customers, console)
    job = await client.call("POST", "billjobs", {"lastDateInBillingPeriod": month.last.isoformat()})
    for _ in range(JOB_LOOKS):
        if job["status"] in ("COMPLETE", "CANCELLED"):
            break
        await asyncio.sleep(LOOK_SECONDS)
        job = await client.call("GET", f"billjobs/{job['id']}")
    else:
        raise DemoError(f"the bill job {job['id']} is still {job['status']} after {JOB_LOOKS * LOOK_SECONDS:.0f} s")
    bills = []
    for account, _ in customers.values():
        bills += (await client.call("GET", "bills", accountId=account))["data"]
    if not bills:
        raise DemoError(f"the bill job {job['id']} issued no bill")
    for bill in sorted(bills, key=lambda bill: str(bill["accountCode"])):
        console.print(show.bill_table(bill))
    show.check_sums(requests, bills, console)


async def _publish_and_watch(
    client: Client,
    system: System,
    requests: list[Request],
    customers: dict[str, tuple[str, str | None]],
    console: Console,
) -> None:
    hand = list(dealt(requests))
    size = -(-len(hand) // PARTS)
    producer = AIOKafkaProducer(bootstrap_servers=system.endpoints.kafka_bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        with show.burn_down(console) as board:
            for start in range(0, len(hand), size):
                part = hand[start : start + size]
                await publish(producer, client.organization, part)
                for customer in CUSTOMERS:
                    if commitment := customers[customer.code][1]:
                        board.update(customer, await client.call("GET", f"commitments/{commitment}"))
                board.at(part[-1][1].moment, start + len(part))
            await board.until_all_arrived(client, customers, len(hand))
    finally:
        await producer.stop()


async def _audit(system: System) -> int:
    """The audit as its own process, as an auditor would run it."""
    import sys

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        "audit",
        env=os.environ
        | {
            "TRUEUP_KAFKA_BOOTSTRAP": system.endpoints.kafka_bootstrap,
            "TRUEUP_DATABASE_URL": system.endpoints.database_url,
        },
    )
    return await process.wait()


async def _keep_up(system: System, organization: str, console: Console) -> None:
    console.print(
        f"\nstill up, Ctrl-C ends it\n  API       {system.addresses.api_url}/organizations/{organization}/bills"
    )
    console.print(f"  Kafka     {system.addresses.kafka_bootstrap}\n  Postgres  {system.addresses.database_url}")
    with stop_on_signals(asyncio.Event()) as asked:
        await asked.wait()
