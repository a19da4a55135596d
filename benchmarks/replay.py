"""`python -m benchmarks.replay`: the log folded again, by replay and by audit, in one process and in several.

The log is what the product makes of the usual load (`benchmarks.workload`). A fold is what `trueup replay` does before
it swaps: every partition from its beginning into empty tables, its families settled once at its end.
"""

import resource
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
from rich.table import Table

from benchmarks.product import publish, run_product
from benchmarks.running import ORGANIZATION, Say, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.workload import Load
from events.topics import EVENTS
from services.apart.processes import cores, run_apart
from services.apart.work import Servers
from services.audit.audit import audit
from services.audit.checkpoint import Seal
from services.failures import ExpectedFailure
from services.kafka import LogReader
from services.postgres import open_postgres
from services.projection.filling import Filling, PartitionToFold
from services.projection.schemas import drop_schema
from services.readside.live import create_read_models
from services.run.up import System
from services.store.generations import load_generations

SCHEMA = "benchmark_fold"
SEAL = Seal(b"a key that signs checkpoints of benchmarks")


@dataclass(slots=True)
class Measured:
    """Runs of one kind: how long each took, and the CPU time of Python in it. Postgres and Kafka are not counted."""

    name: str
    events: int
    processes: int
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """One run."""
        cpu, started = _cpu(), time.perf_counter()
        yield
        self.seconds.append(time.perf_counter() - started)
        self.cpu_seconds.append(_cpu() - cpu)

    @property
    def per_second(self) -> float:
        """Events a second, of the median run."""
        return self.events / statistics.median(self.seconds)

    @property
    def cpu_microseconds(self) -> float:
        """Of an event, in the median run."""
        return statistics.median(self.cpu_seconds) / self.events * 1e6


def _cpu() -> float:
    """Of this process and those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


class DiffersError(ExpectedFailure):
    """An audit of the benchmark found a difference, which its message tells."""


async def measure(system: System, folder: Path, events: int, repeats: int, say: Say) -> list[Measured]:
    """Make a log and fold it again and again, all kinds in turns. Raises: ExpectedFailure."""
    load = Load(ORGANIZATION, events, system.settings.partitions)
    say(f"creating {load.accounts:,} accounts with a prepayment each")
    customers = await create_customers(system, load.codes())
    say(f"publishing and folding {events:,} events")
    await publish(system, load)
    connection = await connect(system.endpoints.database_url)
    try:
        await run_product(system, connection, load, customers)
    finally:
        await connection.close()
    results: dict[str, Measured] = {}
    for turn in range(repeats):
        for name, processes, run in _runs(system, events):
            say(f"{name}, {processes} processes: {turn + 1} of {repeats}")
            await run(results.setdefault(f"{name} {processes}", Measured(name, events, processes)))
    return list(results.values())


Run = Callable[[Measured], Awaitable[None]]


def _runs(system: System, events: int) -> Sequence[tuple[str, int, Run]]:
    async def folded(measured: Measured) -> None:
        await fold(system, measured)

    async def whole(measured: Measured) -> None:
        await _audit(system, measured, from_checkpoint=False)

    async def since(measured: Measured) -> None:
        await _audit(system, measured, from_checkpoint=True)

    several = sorted({1, cores()})
    folds = [("fold", count, folded) for count in several]
    audits = [("audit", count, whole) for count in several]
    return [*folds, *audits, ("audit from a checkpoint, nothing new", 1, since)]


async def fold(system: System, measured: Measured) -> None:
    """All partitions into an empty schema, which is dropped again; that is not timed."""
    endpoints = system.endpoints
    async with open_postgres(endpoints.database_url, most=2) as postgres:
        async with postgres.transaction() as connection:
            origins = (await load_generations(connection)).origins
            await create_read_models(connection, SCHEMA)
        async with LogReader(endpoints.kafka) as reader:
            ends = await reader.end_offsets(EVENTS, range(system.settings.partitions))
        filling, servers = Filling(SCHEMA, origins), Servers(endpoints.database_url, None, endpoints.kafka)
        with measured.timed():
            parts = [PartitionToFold(partition, end) for partition, end in ends.items()]
            await run_apart(filling, servers, parts, measured.processes, lambda _: None)
        async with postgres.connection() as connection:
            await drop_schema(connection, SCHEMA)


async def _audit(system: System, measured: Measured, *, from_checkpoint: bool) -> None:
    """Raises: DiffersError."""
    async with open_postgres(system.endpoints.database_url, most=6) as postgres:
        with measured.timed():
            report = await audit(
                postgres,
                system.endpoints.kafka,
                seal=SEAL,
                from_checkpoint=from_checkpoint,
                processes=measured.processes,
            )
        if not report.passed or (report.since is None) is from_checkpoint:
            raise DiffersError("; ".join([*report.first_lines(), report.last_line()]))


def table(results: Sequence[Measured]) -> Table:
    """Speeds, and what each costs."""
    shown = Table(title=f"{results[0].events:,} events folded again, {cores()} cores")
    for column in ("", "processes", "events/s", "seconds", "least", "most", "CPU µs/event"):
        shown.add_column(column, justify="left" if not column else "right")
    for runs in results:
        shown.add_row(
            runs.name,
            str(runs.processes),
            f"[bold]{runs.per_second:,.0f}[/]",
            f"{statistics.median(runs.seconds):.2f}",
            f"{min(runs.seconds):.2f}",
            f"{max(runs.seconds):.2f}",
            f"{runs.cpu_microseconds:.1f}",
        )
    return shown


@click.command()
@click.option("--events", type=click.IntRange(1_000, 50_000_000), default=1_000_000, help="Usage events of the log.")
@click.option("--repeats", type=click.IntRange(1, 50), default=5, help="Runs of each kind, in turns.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(events: int, repeats: int, file: Path | None) -> None:
    """Measure replay and audit; the last line of the output is JSON."""
    results = on_empty_system("replay", lambda system, folder, say: measure(system, folder, events, repeats, say))
    document = [{**asdict(runs), "events_per_second": round(runs.per_second)} for runs in results]
    show([table(results)], document, file)


if __name__ == "__main__":
    main()
