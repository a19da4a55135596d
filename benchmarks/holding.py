"""`python -m benchmarks.holding`: usage that comes before its accounts, held, and settled once these are made.

Every tenth record is sent twice. It ends only if each counts once, every account is right to the cent, and the usage of
each account is in the log in the order in which it came. Memory is looked at all the while.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from benchmarks.accounts import create_accounts
from benchmarks.catalog import CONFIG, create_catalog, end_month
from benchmarks.product import until_counted
from benchmarks.results import WrongSumError, until_spent
from benchmarks.running import ORGANIZATION, Say, connect, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import cpu_seconds, resident_mb, until
from benchmarks.workload import PREPAID, Load, cents_of
from events.topics import EVENTS, USAGE
from services.access.local import operators
from services.demo.client import Client
from services.kafka import BatchWriter, Record
from services.kafka.log_reader import LogReader
from services.run.up import System

LARGE, TWICE = 1_000_000, 10
#: Those that hold and let go, beside the projector.
PROCESSES = ("ingest", "api")
LOOK_SECONDS, SLOWEST_HELD = 0.5, 200
_HELD = "SELECT count(*) FROM store.refused_usage WHERE held_until IS NOT NULL AND replayed IS NULL"


@dataclass(frozen=True, slots=True)
class Held:
    """What it took to hold so many records, and to settle them from the moment on in which their accounts were there.

    `rss_mb` is what each process had before, and the most that it had meanwhile.
    """

    records: int
    accounts: int
    held_per_second: float
    settled_per_second: float
    cpu_us: dict[str, float]
    rss_mb: dict[str, tuple[float, float]]


class Memory:
    """What processes have, looked at for the length of a block."""

    def __init__(self) -> None:
        self.before = {name: resident_mb(name) for name in PROCESSES}
        self.most = dict(self.before)

    async def look(self) -> None:
        """Until cancelled."""
        while True:
            for name in PROCESSES:
                self.most[name] = max(self.most[name], resident_mb(name))
            await asyncio.sleep(LOOK_SECONDS)


async def measure(system: System, records: int, accounts: int, say: Say) -> Held:
    """Hold and settle so many. Raises: NotFinishedError, WrongSumError, DemoError."""
    plan = await _organization(system)
    await system.start(("ingest",))
    connection = await connect(system.endpoints.database_url)
    load = Load(ORGANIZATION, records, system.settings.partitions, accounts)
    memory, cpu = Memory(), {name: -cpu_seconds(name) for name in PROCESSES}
    looking = asyncio.create_task(memory.look())
    try:
        say(f"publishing {records:,} records of {accounts:,} accounts that are not there")
        held_seconds = await _timed(_publish(system, load), lambda: _until_held(system, connection, records))
        say("making the accounts, and waiting until all of it counts")
        made = create_accounts(system.endpoints.database_url, ORGANIZATION, plan, load.codes(), PREPAID)
        settled = await _timed(made, lambda: until_counted(system, connection, load))
        cpu = {name: cpu_seconds(name) + before for name, before in cpu.items()}
        await _check(system, connection, load)
    finally:
        looking.cancel()
        await connection.close()
    return Held(
        records,
        accounts,
        round(records / held_seconds, 1),
        round(records / settled, 1),
        {name: round(seconds / records * 1e6, 1) for name, seconds in cpu.items()},
        {name: (memory.before[name], memory.most[name]) for name in PROCESSES},
    )


async def _organization(system: System) -> str:
    """One that holds, with a catalog; returns the plan's id."""
    client = Client(system.addresses.api_url, ORGANIZATION, operators(system.keys, system.settings))
    try:
        plan = await create_catalog(client)
        version = (await client.call("GET", "organizationconfig"))["version"]
        await client.call("PUT", "organizationconfig", {**CONFIG, "usageBeforeAccount": "HOLD", "version": version})
        await end_month(client)
    finally:
        await client.close()
    return plan


async def _timed(begin: Awaitable[Any], wait: Callable[[], Awaitable[None]]) -> float:
    """Seconds from when it has begun until it is over."""
    await begin
    started = time.monotonic()
    await wait()
    return time.monotonic() - started


async def _publish(system: System, load: Load) -> None:
    async with BatchWriter(system.endpoints.kafka) as writer:
        for chunk in load.chunks():
            for partition, records in chunk.items():
                await writer.append(USAGE, partition, list(_twice(records)))


def _twice(records: list[Record]) -> Iterator[Record]:
    """The records, and every tenth once more."""
    for number, record in enumerate(records):
        yield record
        if number % TWICE == 0:
            yield record


async def _until_held(system: System, connection: Any, records: int) -> None:
    async def look() -> tuple[bool, object]:
        records_held = await connection.fetchval(_HELD)
        await asyncio.sleep(LOOK_SECONDS / 5)
        return records_held == records, f"{records_held} of {records} records held"

    await until("holding the usage", 60 + records / SLOWEST_HELD, look, system.supervisor)


async def _check(system: System, connection: Any, load: Load) -> None:
    """Each record once, each account to the cent, and in its order. Raises: WrongSumError, NotFinishedError."""
    due = sum(cents_of(quantity) for quantity in load.calls().values())
    await until_spent(connection, system.supervisor, due, 100, load.events)
    if (left := await connection.fetchval(_HELD)) != 0:
        raise WrongSumError("the list of what is held", left, 0)
    counted, last = 0, dict[str, str]()
    async with LogReader(system.endpoints.kafka) as reader:
        for partition, end in (await reader.end_offsets(EVENTS, range(load.partitions))).items():
            async for records in reader.read(EVENTS, partition, 0, end):
                for record in records:
                    said = json.loads(record.value or b"{}")
                    if said.get("type") == "UsageRated":
                        account, ts = said["account"], said["data"]["ts"]
                        if ts < last.get(account, ""):
                            raise WrongSumError(f"the log, of account {account},", ts, f"one behind {last[account]}")
                        counted, last[account] = counted + 1, ts
    if counted != load.events:
        raise WrongSumError("the log", counted, load.events)


def table(measured: Held) -> Table:
    """What was measured."""
    shown = Table(title=f"{measured.records:,} records that came before their {measured.accounts:,} accounts")
    for column in ("", "records/s", "ingest, µs", "api, µs", "ingest, MB", "api, MB"):
        shown.add_column(column, justify="left" if not column else "right")
    cpu = [f"{measured.cpu_us[name]:,.0f}" for name in PROCESSES]
    memory = ["{:,.0f} to {:,.0f}".format(*measured.rss_mb[name]) for name in PROCESSES]
    shown.add_row("held", f"{measured.held_per_second:,.0f}", *cpu, *memory)
    shown.add_row("settled", f"{measured.settled_per_second:,.0f}")
    return shown


@click.command()
@click.option("--records", default=20_000, show_default=True, help="Records that come before their accounts.")
@click.option("--accounts", default=100, show_default=True, help="Accounts whose they are.")
@click.option("--large", is_flag=True, help=f"{LARGE:,} records.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(records: int, accounts: int, large: bool, file: Path | None) -> None:
    """Measure held usage end to end; the last line of the output is JSON."""
    count = LARGE if large else records
    measured = on_empty_system("holding", lambda system, _, say: measure(system, count, accounts, say))
    show((table(measured),), asdict(measured), file)


if __name__ == "__main__":
    main()
