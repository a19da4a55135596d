"""`python -m benchmarks.pipeline`: usage in Kafka -> visible in the balance table; product, floor and naive FastStream.

All in one run on one broker and one Postgres, on a stack of its own, one after the other. Absolute numbers are the
machine's; the ratios are what is worth comparing. See docs/benchmarks.md.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import uvloop
from rich.console import Console

from benchmarks.catalog import set_up
from benchmarks.floor import run_floor
from benchmarks.naive import run_naive
from benchmarks.product import connect, project_commands, publish, run_product
from benchmarks.report import Report, table
from benchmarks.task import Task
from benchmarks.workload import Load
from events.topics import USAGE
from services.demo.wire import Client
from services.failures import ExpectedFailure
from services.kafka import LogReader
from services.logs import configure_logs
from services.settings import Settings, load_settings
from services.stack import running_stack
from services.up.system import System

ORGANIZATION = "benchmark"
NAIVE_MESSAGES = 10_000


class NotEmptyError(ExpectedFailure):
    """The topic of usage holds records; a given stack must be empty, since the benchmark reads all of it."""

    def __init__(self) -> None:
        super().__init__(
            f"topic {USAGE} of the given stack holds records, but the benchmark needs an empty one; without"
            " TRUEUP_KAFKA_BOOTSTRAP and TRUEUP_DATABASE_URL it makes its own"
        )


async def measure(settings: Settings, folder: Path, events: int, naive: int, say: Callable[[str], None]) -> Report:
    """Run everything on a stack that is empty. Raises: ExpectedFailure, also when something takes too long."""
    say("starting Kafka, Postgres, relay, projector and API")
    async with running_stack(settings) as endpoints:
        system = System(settings, endpoints, folder, quiet=True)
        try:
            await system.migrate()
            async with LogReader(endpoints.kafka_bootstrap) as reader:
                if any((await reader.end_offsets(USAGE, range(settings.partitions))).values()):
                    raise NotEmptyError
            await system.start(("relay", "projector", "api"))
            return await _legs(system, folder, events, naive, say)
        finally:
            await system.supervisor.stop_all()


async def _legs(system: System, folder: Path, events: int, naive: int, say: Callable[[str], None]) -> Report:
    load = Load(ORGANIZATION, events, system.settings.partitions)
    say("creating 1,000 accounts with a prepayment each, through HTTP")
    client = Client(system.addresses.api_url, ORGANIZATION)
    try:
        customers = await set_up(client)
    finally:
        await client.close()
    connection = await connect(system.endpoints.database_url)
    try:
        await project_commands(system, connection, len(customers))
        say(f"publishing {events:,} events")
        await publish(system, load)
        say("running the product")
        product = await run_product(system, connection, load, customers)
        live = await connection.fetchval("SELECT current_schema()")
    finally:
        await connection.close()
    accounts = {code: customer.account for code, customer in customers.items()}
    bootstrap, url = system.endpoints.kafka_bootstrap, system.endpoints.database_url
    task = Task(bootstrap, url, load.partitions, ORGANIZATION, live, accounts)
    say("running the floor")
    floor = await run_floor(task, load, folder)
    say(f"running naive FastStream on {naive:,} messages")
    return Report(len(load.event(0)), product, floor, await run_naive(task, naive, folder))


@click.command()
@click.option("--events", type=click.IntRange(1_000, 20_000_000), default=400_000, help="Usage events of the load.")
@click.option(
    "--naive", type=click.IntRange(100, 1_000_000), default=NAIVE_MESSAGES, help="Messages of naive FastStream."
)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(events: int, naive: int, file: Path | None) -> None:
    """Measure the pipeline; the last line of the output is JSON."""
    console = Console(stderr=True)
    try:
        with TemporaryDirectory(prefix="trueup-benchmark-") as folder, console.status("") as status:
            settings = load_settings(home=Path(folder) / "home", api_port=0)
            configure_logs("WARNING")
            report = uvloop.run(measure(settings, Path(folder), events, min(naive, events), status.update))
    except ExpectedFailure as error:
        sys.exit(f"benchmarks.pipeline: {error}")
    Console().print(table(report))
    document = json.dumps(report.document())
    if file is not None:
        file.write_text(document + "\n")
    click.echo(document)


if __name__ == "__main__":
    main()
