"""`python -m benchmarks.start`: what a long history costs: throughput, and how long each process takes to start.

The history is usage that is ingested and projected in one go, millions of records of it; throughput is that of an
early part and of a late one. Each process is then started alone, in turns; then all at once, with a little usage that
waits for them: until its totals are in Postgres.
"""

import statistics
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from benchmarks.product import publish, run_product, until_counted
from benchmarks.progress import looking
from benchmarks.running import ORGANIZATION, Say, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import cpu_seconds
from benchmarks.workload import Load
from services.run.up import SERVICES, System

FIRST_WRITE = "all of them, until what waited is written"
#: Shares of the history whose throughput is told. In its first tenth processes warm up; in its last one ingest is done
#: before the projector, which then has the cores to itself.
EARLY, LATE = (0.1, 0.2), (0.8, 0.9)


@dataclass(slots=True)
class Start:
    """Starts of one process, or of several at once."""

    what: str
    #: Of each start, on the wall and of CPU.
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class History:
    """Events a second early and late in it, and all starts behind it."""

    events: int
    early_per_second: float
    late_per_second: float
    starts: list[Start]


async def measure(system: System, folder: Path, events: int, repeats: int, say: Say) -> History:
    """Make a history and start everything again and again. Raises: ExpectedFailure."""
    load = Load(ORGANIZATION, events, system.settings.partitions)
    say(f"creating {load.accounts:,} accounts with a prepayment each")
    customers = await create_customers(system, load.codes())
    say(f"publishing {events:,} events")
    await publish(system, load)
    say(f"ingesting and projecting {events:,} events")
    # Both before anybody stands at the gate.
    connection, looks = [await connect(system.endpoints.database_url) for _ in range(2)]
    try:
        async with looking(looks, events) as progress:
            await run_product(system, connection, load, customers)
        await system.supervisor.stop_all()
        measured = {what: Start(what) for what in (*SERVICES, FIRST_WRITE)}
        for turn in range(repeats):
            for name in SERVICES:
                say(f"{name}: {turn + 1} of {repeats}")
                await _started(system, [name], measured[name])
                await system.supervisor.stop(name)
            say(f"{FIRST_WRITE}: {turn + 1} of {repeats}")
            await _first_write(system, connection, load.more(turn), measured[FIRST_WRITE])
    finally:
        await connection.close()
        await looks.close()
    early, late = (round(progress.per_second(events * first, events * last)) for first, last in (EARLY, LATE))
    return History(events, early, late, list(measured.values()))


async def _started(system: System, names: Iterable[str], start: Start) -> None:
    begun = time.monotonic()
    await system.start(names)
    start.seconds.append(time.monotonic() - begun)
    start.cpu.append(sum(cpu_seconds(name) for name in names))


async def _first_write(system: System, connection: Any, load: Load, start: Start) -> None:
    await publish(system, load)
    begun = time.monotonic()
    await system.start()
    await until_counted(system, connection, load)
    start.seconds.append(time.monotonic() - begun)
    start.cpu.append(sum(cpu_seconds(name) for name in SERVICES))
    await system.supervisor.stop_all()


def table(measured: History) -> Table:
    """Seconds until ready, and what of them was work."""
    speeds = f"{measured.early_per_second:,.0f} a second early and {measured.late_per_second:,.0f} late in it"
    shown = Table(title=f"a history of {measured.events:,} events, {speeds}, and starts behind it")
    for column in ("", "median s", "least", "most", "median CPU s"):
        shown.add_column(column, justify="left" if not column else "right")
    for start in measured.starts:
        shown.add_row(
            start.what,
            f"[bold]{statistics.median(start.seconds):.2f}[/]",
            f"{min(start.seconds):.2f}",
            f"{max(start.seconds):.2f}",
            f"{statistics.median(start.cpu):.2f}",
        )
    return shown


@click.command()
@click.option("--events", type=click.IntRange(1_000, 50_000_000), default=10_000_000, help="Usage events of history.")
@click.option("--repeats", type=click.IntRange(1, 50), default=5, help="Starts of each, in turns.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(events: int, repeats: int, file: Path | None) -> None:
    """Measure a history; the last line of the output is JSON."""
    measured = on_empty_system("start", lambda system, folder, say: measure(system, folder, events, repeats, say))
    show([table(measured)], asdict(measured), file)


if __name__ == "__main__":
    main()
