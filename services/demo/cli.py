"""`trueup demo`: bills a month of real requests on Kafka and Postgres servers of its own, in under a minute."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import uvloop
from rich.console import Console

from events.topics import USAGE
from services.access.local import operators
from services.demo.client import Client, DemoError, dealt, publish, set_up
from services.demo.show import burn_down, check_spent, check_sums, printed_bill
from services.demo.story import Month, month_before
from services.demo.trace_file import SHIPPED, TraceRequest, read_trace, stretched
from services.kafka import new_producer
from services.run.logs import configure_logs
from services.run.printing import make_console, show
from services.run.process import environment_of
from services.run.settings import load_settings
from services.run.stack.supervise import until_asked_to_stop
from services.run.up import System, running_system

#: The trace is published in this many parts, with a look at the balances after each.
PARTS = 24
LOOK_SECONDS = 0.1
JOB_LOOKS = 600
STARTING = "starting Kafka, Postgres, relay, ingest, projector and API (the first start downloads Kafka) ..."


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
    if "TRUEUP_LOG_LEVEL" not in os.environ:
        configure_logs("WARNING")  # the demo itself says what it does
    raise SystemExit(uvloop.run(_demo(requests, month, keep, make_console())))


async def _demo(requests: list[TraceRequest], month: Month, keep: bool, console: Console) -> int:
    organization = f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    running = running_system(load_settings(), quiet=True)
    with _telling(console, STARTING):
        system = await running.__aenter__()
    try:
        client = Client(system.addresses.api_url, organization, operators(system.keys, system.settings))
        try:
            # If any process ends by itself the demo fails and names it, so nothing is restarted behind its back.
            await system.while_all_run(_main_job(client, system, requests, month, console))
        finally:
            await client.close()
        status = await _audit(system)
        if keep:
            await _tell_addresses(system, organization, console)
            await until_asked_to_stop(system.keep_running())
    finally:
        await running.__aexit__(None, None, None)
    return status


@contextlib.contextmanager
def _telling(console: Console, text: str) -> Iterator[None]:
    """Show what is being done while the block runs: as a status on a terminal, as a line elsewhere."""
    if console.is_terminal:
        with console.status(text):
            yield
    else:
        console.print(text, soft_wrap=True)
        yield


async def _main_job(
    client: Client, system: System, requests: list[TraceRequest], month: Month, console: Console
) -> None:
    customers = await set_up(client, month)
    title = f"{client.organization}: {len(customers)} accounts, {len(requests):,} requests over {month.first:%B %Y}\n"
    show(console, title)
    spent = await _publish_and_watch(client, system, requests, customers, console)
    bills = await _billed(client, month, customers)
    for bill in bills:
        console.print()
        show(console, printed_bill(console, bill))
    console.print()
    check_sums(requests, bills, console)
    check_spent(spent, bills)
    console.print()


async def _billed(client: Client, month: Month, customers: dict[str, tuple[str, str | None]]) -> list[dict[str, Any]]:
    """Have the month billed by a bill job. Returns: all bills, sorted by account code. Raises: DemoError."""
    job = await client.call("POST", "billjobs", {"lastDateInBillingPeriod": month.last.isoformat()})
    for _ in range(JOB_LOOKS):
        if job["status"] in ("COMPLETE", "CANCELLED"):
            break
        await asyncio.sleep(LOOK_SECONDS)
        job = await client.call("GET", f"billjobs/{job['id']}")
    else:
        raise DemoError(f"the bill job {job['id']} is still {job['status']} after {JOB_LOOKS * LOOK_SECONDS:.0f} s")
    bills: list[dict[str, Any]] = []
    for account, _ in customers.values():
        bills += (await client.call("GET", "bills", accountId=account))["data"]
    if not bills:
        raise DemoError(f"the bill job {job['id']} issued no bill")
    return sorted(bills, key=lambda bill: str(bill["accountCode"]))


async def _publish_and_watch(
    client: Client,
    system: System,
    requests: list[TraceRequest],
    customers: dict[str, tuple[str, str | None]],
    console: Console,
) -> dict[str, Decimal]:
    """Publish the requests part by part, showing the balances after each. `customers`: as `set_up` returns them.

    Returns: the amount that each prepayment has paid in the end, by account code. Raises: DemoError.
    """
    hand = list(dealt(requests))
    size = -(-len(hand) // PARTS)
    producer = new_producer(system.endpoints.kafka, enable_idempotence=True)
    await producer.start()
    try:
        with burn_down(console) as board:
            for start in range(0, len(hand), size):
                part = hand[start : start + size]
                await publish(producer, system.endpoints.kafka.topic(USAGE), client.organization, part)
                board.at(part[-1][1].moment, start + len(part))
                await board.look(client, customers)
            await board.until_all_arrived(client, customers)
            return board.spent()
    finally:
        await producer.stop()


async def _audit(system: System) -> int:
    """Run `trueup audit` as a process, as an auditor would; returns its exit status."""
    environment = environment_of(system.settings, system.endpoints)
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.run.cli", "audit", env=environment)
    return await process.wait()


async def _tell_addresses(system: System, organization: str, console: Console) -> None:
    client = Client(system.addresses.api_url, organization, operators(system.keys, system.settings))
    try:
        link = await client.console_link()
    finally:
        await client.close()
    lines = (
        "\nstill up, Ctrl-C ends it",
        f"  API       {system.addresses.api_url}/organizations/{organization}/bills",
        *([f"  keys      {system.keys.file}, the operator's"] if system.keys else []),
        f"  Kafka     {system.addresses.kafka_bootstrap}",
        f"  Postgres  {system.addresses.database_url}",
        "  console   signs you in once, within a quarter of an hour; later on a key does:",
        f"  {link}",
    )
    console.print("\n".join(lines), soft_wrap=True)
