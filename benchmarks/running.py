"""An empty system that runs for a benchmark, with an organization of as many accounts as it needs."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import asyncpg
import uvloop
from rich.console import Console

from benchmarks.accounts import Customer, create_accounts
from benchmarks.brokers import running_brokers
from benchmarks.catalog import create_catalog, end_month
from benchmarks.waiting import until
from benchmarks.workload import PREPAID
from events.topics import EVENTS, USAGE
from services.access.local import operators
from services.demo.client import Client
from services.failures import ExpectedFailure
from services.kafka import LogReader
from services.readside.live import live_schema
from services.run.logs import configure_logs
from services.run.settings import Settings, load_settings
from services.run.stack import running_stack
from services.run.up import System

ORGANIZATION = "benchmark"
PROJECT_SECONDS = 60.0
#: Slowest projection of commands that is still waited for, in accounts a second.
SLOWEST_ACCOUNTS = 20
_STANDING = """
SELECT (SELECT count(*) FROM commitment_balances) AS balances, (SELECT count(*) FROM due_accounts) AS due,
       (SELECT coalesce(sum(next_offset), 0) FROM positions WHERE topic = $1)::bigint AS position
"""


class NotEmptyError(ExpectedFailure):
    """The topic of usage holds records; a given stack must be empty, since the benchmark reads all of it."""

    def __init__(self) -> None:
        super().__init__(
            f"topic {USAGE} of the given stack holds records, but the benchmark needs an empty one; without"
            " TRUEUP_KAFKA_BOOTSTRAP and TRUEUP_DATABASE_URL it makes its own"
        )


#: Tells whoever waits what is being done.
Say = Callable[[str], None]
T = TypeVar("T")


def on_empty_system(name: str, measure: Callable[[System, Path, Say], Awaitable[T]], *, brokers: int = 1) -> T:
    """What is measured on an empty system of its own, in a folder that goes afterwards; a failure ends the program."""

    async def run(folder: Path, say: Say) -> T:
        say("starting Kafka, Postgres, relay, projector and API")
        async with AsyncExitStack() as stack:
            given: dict[str, str] = {}
            if brokers > 1:
                given["kafka_bootstrap"] = await stack.enter_async_context(running_brokers(brokers, folder / "brokers"))
            settings = load_settings(home=folder / "home", api_port=0, api_rate=0, **given)
            return await measure(await stack.enter_async_context(empty_system(settings, folder)), folder, say)

    try:
        with TemporaryDirectory(prefix="trueup-benchmark-") as folder, Console(stderr=True).status("") as status:
            configure_logs("WARNING")
            return uvloop.run(run(Path(folder), status.update))
    except ExpectedFailure as error:
        sys.exit(f"benchmarks.{name}: {error}")


@asynccontextmanager
async def empty_system(settings: Settings, folder: Path) -> AsyncIterator[System]:
    """Stack, schema, relay, projector and API for the length of a block. Raises: NotEmptyError, StackError."""
    async with running_stack(settings) as endpoints:
        system = System(settings, endpoints, folder, quiet=True)
        try:
            await system.migrate()
            async with LogReader(endpoints.kafka) as reader:
                if any((await reader.end_offsets(USAGE, range(settings.partitions))).values()):
                    raise NotEmptyError
            await system.start(("relay", "projector", "api"))
            yield system
        finally:
            await system.supervisor.stop_all()


async def connect(database_url: str) -> Any:
    """A connection whose `search_path` is the live read models."""
    connection = await asyncpg.connect(database_url)
    schema = await live_schema(connection)
    await connection.execute("SELECT set_config('search_path', $1, false)", schema)
    return connection


async def create_customers(system: System, codes: Sequence[str]) -> dict[str, Customer]:
    """The organization with a customer per code, at the end of its first month, projected and settled.

    Raises: DemoError, NotFinishedError.
    """
    client = Client(system.addresses.api_url, ORGANIZATION, operators(system.keys, system.settings))
    try:
        plan = await create_catalog(client)
        customers = await create_accounts(system.endpoints.database_url, ORGANIZATION, plan, codes, PREPAID)
        await end_month(client)
    finally:
        await client.close()
    await until_projected(system, len(codes))
    return customers


async def until_projected(system: System, balances: int) -> None:
    """Wait until the projector has folded and settled everything: so many commitments. Raises: NotFinishedError."""
    connection, partitions = await connect(system.endpoints.database_url), range(system.settings.partitions)
    try:
        async with LogReader(system.endpoints.kafka) as reader:

            async def look() -> tuple[bool, object]:
                end = sum((await reader.end_offsets(EVENTS, partitions)).values())
                seen = dict(await connection.fetchrow(_STANDING, EVENTS))
                return seen == {"balances": balances, "due": 0, "position": end}, f"{seen}, end of the log {end}"

            seconds = PROJECT_SECONDS + balances / SLOWEST_ACCOUNTS
            await until("the projection of the commands", seconds, look, system.supervisor)
    finally:
        await connection.close()
