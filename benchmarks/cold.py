"""`python -m benchmarks.cold`: how fast families come from Postgres into memory, and how much of it they take there.

Every account has a plan, a prepayment and a month of usage on as many days as it has events. What is timed is what the
projector does for accounts that it has forgotten, many at once: the rows of families, families of them, compiled terms,
and the first settlement. Then they are put to rest, and are touched again. Memory is what the process grows by, a
family, with each of these steps; CPU is this process's own, which says more than seconds beside others' work.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import psutil
from rich.table import Table

from benchmarks.living import Unwritten
from benchmarks.product import publish, until_counted
from benchmarks.running import ORGANIZATION, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.workload import Load
from projections.readmodels.positions import Position
from services.kafka import LogReader
from services.postgres import open_postgres
from services.projection.catalog_fold import CatalogLog
from services.projection.settling import Settler
from services.projection.unwritten import new_partition
from services.readside.family_state import FamilyState, Root
from services.readside.loading import families_of, read_families
from services.readside.resting import RestingFamilies
from services.run.up import System
from services.store.generations import load_generations

T = TypeVar("T")
#: Families whose rows are read by one set of queries, as when a poll touches so many that are not in memory.
TOGETHER = 1_000
_ROOTS = "SELECT DISTINCT organization, root_id, partition FROM account_directory WHERE organization = $1"


@dataclass(slots=True)
class Cold:
    """Seconds, CPU seconds and bytes a family of each step, by name."""

    families: int
    seconds: dict[str, float]
    cpu_seconds: dict[str, float]
    bytes_each: dict[str, int]

    def step(self, name: str, work: Callable[[], T]) -> T:
        """Do the work, timed, with what memory it leaves behind."""
        before, started, cpu = _memory(), time.monotonic(), time.process_time()
        measured = work()
        self.note(name, time.monotonic() - started, time.process_time() - cpu, before)
        return measured

    def note(self, name: str, seconds: float, cpu_seconds: float, before: int) -> None:
        """A step that took so long and began with so much memory."""
        self.seconds[name], self.cpu_seconds[name] = round(seconds, 3), round(cpu_seconds, 3)
        self.bytes_each[name] = round((_memory() - before) / self.families)


def _memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


async def measure(system: System, accounts: int, events: int, say: Any) -> Cold:
    """Set up, publish, and load. Raises: NotFinishedError."""
    load = Load(ORGANIZATION, accounts * events, system.settings.partitions, accounts)
    say(f"creating {accounts:,} accounts with a prepayment each")
    await create_customers(system, load.codes())
    say(f"publishing {load.events:,} events and waiting for their projection")
    await publish(system, load)
    await system.start(("ingest",))
    connection = await connect(system.endpoints.database_url)
    try:
        await until_counted(system, connection, load)
        say("loading all families")
        return await _load(system, connection)
    finally:
        await connection.close()


async def _load(system: System, connection: Any) -> Cold:
    async with open_postgres(system.endpoints.database_url, most=1) as postgres, postgres.connection() as plain:
        catalog = CatalogLog((await load_generations(plain)).origins)
    async with LogReader(system.endpoints.kafka) as reader:
        await catalog.catch_up(reader)
    roots = [Root(*row) for row in await connection.fetch(_ROOTS, ORGANIZATION)]
    measured = Cold(len(roots), {}, {}, {})
    families: list[FamilyState] = []
    before, started, cpu, reading = _memory(), time.monotonic(), time.process_time(), [0.0, 0.0]
    for first in range(0, len(roots), TOGETHER):
        began = time.monotonic(), time.process_time()
        rows = await read_families(connection, roots[first : first + TOGETHER])
        reading = [reading[0] + time.monotonic() - began[0], reading[1] + time.process_time() - began[1]]
        families += families_of(rows)
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - cpu
    del rows
    measured.note("families", seconds - reading[0], cpu_seconds - reading[1], before)
    measured.note("rows", reading[0], reading[1], _memory())
    state = new_partition(Position(0, tick=datetime(2026, 2, 1, tzinfo=UTC)), {})
    settler, resources = Settler(catalog), catalog.resources(ORGANIZATION)

    def compile_terms() -> None:
        for family in families:
            family.compiled(resources, catalog.index(ORGANIZATION), catalog.versions.get(ORGANIZATION, 0))

    def settle() -> None:
        for family in families:
            assert settler.settle(family, state)

    resting = RestingFamilies(1 << 62)

    def rest() -> None:
        for family in families:
            resting.put(family)

    measured.step("terms", compile_terms)
    measured.step("settled", settle)
    await settler.flush(Unwritten())
    measured.step("at rest", rest)
    families.clear()
    woken = measured.step("touched again", lambda: [resting.take(root.id) for root in roots])
    assert all(woken)
    return measured


@click.command()
@click.option("--accounts", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True)
@click.option("--events", type=click.IntRange(1, 1_000), default=10, show_default=True, help="Of each account.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(accounts: int, events: int, file: Path | None) -> None:
    """Measure loading; the last line of the output is JSON."""
    result = on_empty_system("cold", lambda system, _, say: measure(system, accounts, events, say))
    shown = Table(title=f"{result.families:,} families from Postgres, {events} days of usage each")
    for column in ("step", "seconds", "CPU seconds", "bytes a family"):
        shown.add_column(column, justify="right")
    for name, seconds in result.seconds.items():
        shown.add_row(name, str(seconds), str(result.cpu_seconds[name]), str(result.bytes_each[name]))
    show([shown], asdict(result), file)


if __name__ == "__main__":
    main()
