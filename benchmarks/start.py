"""`python -m benchmarks.start`: how long each process takes from its start until it is ready, with a long history.

The history is usage that was ingested and projected, millions of records of it. Each process is started alone, in
turns; then all at once, with a little usage that waits for them: until its totals are in Postgres.
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
from benchmarks.running import ORGANIZATION, Say, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import cpu_seconds
from benchmarks.workload import Load
from services.run.up import SERVICES, System

FIRST_WRITE = "all of them, until what waited is written"


@dataclass(slots=True)
class Start:
    """Starts of one process, or of several at once."""

    what: str
    #: Of each start, on the wall and of CPU.
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


async def measure(system: System, folder: Path, events: int, repeats: int, say: Say) -> list[Start]:
    """Make a history and start everything again and again. Raises: ExpectedFailure."""
    load = Load(ORGANIZATION, events, system.settings.partitions)
    say(f"creating {load.accounts:,} accounts with a prepayment each")
    customers = await create_customers(system, load.codes())
    say(f"publishing {events:,} events")
    await publish(system, load)
    say(f"ingesting and projecting {events:,} events")
    connection = await connect(system.endpoints.database_url)
    try:
        await run_product(system, connection, load, customers)
        await system.supervisor.stop_all()
        found = {what: Start(what) for what in (*SERVICES, FIRST_WRITE)}
        for turn in range(repeats):
            for name in SERVICES:
                say(f"{name}: {turn + 1} of {repeats}")
                await _started(system, [name], found[name])
                await system.supervisor.stop(name)
            say(f"{FIRST_WRITE}: {turn + 1} of {repeats}")
            await _first_write(system, connection, load.more(turn), found[FIRST_WRITE])
    finally:
        await connection.close()
    return list(found.values())


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


def table(events: int, found: Iterable[Start]) -> Table:
    """Seconds until ready, and what of them was work."""
    shown = Table(title=f"start with a history of {events:,} events")
    for column in ("", "median s", "least", "most", "median CPU s"):
        shown.add_column(column, justify="left" if not column else "right")
    for one in found:
        shown.add_row(
            one.what,
            f"[bold]{statistics.median(one.seconds):.2f}[/]",
            f"{min(one.seconds):.2f}",
            f"{max(one.seconds):.2f}",
            f"{statistics.median(one.cpu):.2f}",
        )
    return shown


@click.command()
@click.option("--events", type=click.IntRange(1_000, 50_000_000), default=10_000_000, help="Usage events of history.")
@click.option("--repeats", type=click.IntRange(1, 50), default=5, help="Starts of each, in turns.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(events: int, repeats: int, file: Path | None) -> None:
    """Measure starts; the last line of the output is JSON."""
    found = on_empty_system("start", lambda system, folder, say: measure(system, folder, events, repeats, say))
    show([table(events, found)], [asdict(one) for one in found], file)


if __name__ == "__main__":
    main()
