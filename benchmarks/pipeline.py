"""`python -m benchmarks.pipeline`: usage in Kafka -> visible in the balance table; product, floor and naive FastStream.

All in one run on one broker and one Postgres, on a stack of its own, one after the other. Absolute numbers are the
machine's; the ratios are what is worth comparing. See docs/performance.md.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from benchmarks.floor import run_floor, warm_up
from benchmarks.naive import run_naive
from benchmarks.product import publish, run_product
from benchmarks.report import Report, table
from benchmarks.running import ORGANIZATION, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.task import Task
from benchmarks.workload import ACCOUNTS, Load
from services.run.up import System

NAIVE_MESSAGES = 5_000


async def measure(system: System, folder: Path, load: Load, naive: int, say: Callable[[str], None]) -> Report:
    """Run everything on a system that is empty. Raises: ExpectedFailure, also when something takes too long."""
    load = replace(load, partitions=system.settings.partitions)
    say(f"creating {load.accounts:,} accounts with a prepayment each")
    customers = await create_customers(system, load.codes())
    say(f"publishing {load.events:,} events")
    await publish(system, load)
    cluster, url = system.endpoints.kafka, system.endpoints.database_url
    accounts = {code: customer.account for code, customer in customers.items()}
    task = Task(cluster, url, load.partitions, ORGANIZATION, "", accounts, "benchmark.warm-up")
    say("copying them once, for the broker to warm up")
    await warm_up(task, load, folder)
    connection = await connect(system.endpoints.database_url)
    try:
        say("running the product")
        product = await run_product(system, connection, load, customers)
        live = await connection.fetchval("SELECT current_schema()")
    finally:
        await connection.close()
    task = replace(task, live=live, copy="benchmark.copy")
    say("running the floor")
    floor = await run_floor(task, load, folder)
    say(f"running naive FastStream on {naive:,} messages")
    return Report(len(load.event(0)), product, floor, await run_naive(task, naive, folder))


@click.command()
@click.option("--events", type=click.IntRange(1_000, 20_000_000), default=400_000, help="Usage events of the load.")
@click.option(
    "--naive", type=click.IntRange(100, 1_000_000), default=NAIVE_MESSAGES, help="Messages of naive FastStream."
)
@click.option(
    "--accounts", type=click.IntRange(1, 1_000_000), default=ACCOUNTS, show_default=True, help="Whose they are."
)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(events: int, naive: int, accounts: int, file: Path | None) -> None:
    """Measure the pipeline; the last line of the output is JSON."""
    naive = min(naive, events)
    load = Load(ORGANIZATION, events, 0, accounts)
    report = on_empty_system("pipeline", lambda system, folder, say: measure(system, folder, load, naive, say))
    show([table(report)], report.document(), file)


if __name__ == "__main__":
    main()
