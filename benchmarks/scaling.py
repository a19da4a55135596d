"""`python -m benchmarks.scaling`: the pipeline's throughput with more worker processes, and with three brokers.

A pair is one ingest and one projector, and partitions are shared out by consumer group, as on many machines. With
three brokers every topic has three replicas, and what is acknowledged stands on two. Each case has an empty system. The
first third of the usage is not measured: partitions are shared out meanwhile, which takes seconds.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.table import Table

from benchmarks.product import publish, run_product
from benchmarks.progress import looking
from benchmarks.running import ORGANIZATION, Say, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.workload import Load
from services.run.up import System

#: Pairs of workers, and brokers.
CASES = ((1, 1), (2, 1), (1, 3), (2, 3))


@dataclass(frozen=True, slots=True)
class Scaled:
    """Throughput of the last two thirds, and CPU microseconds of an event in all ingest and all projector processes."""

    pairs: int
    brokers: int
    events_per_second: float
    ingest_us: float
    projector_us: float


async def measure(system: System, folder: Path, events: int, pairs: int, brokers: int, say: Say) -> Scaled:
    """One case. Raises: ExpectedFailure."""
    load = Load(ORGANIZATION, events, system.settings.partitions)
    say(f"{pairs} pairs of workers, {brokers} brokers: {events:,} events")
    customers = await create_customers(system, load.codes())
    await publish(system, load)
    further = [
        System(system.settings, system.endpoints, folder / f"pair-{number}", quiet=True) for number in range(1, pairs)
    ]
    # Both before anybody stands at the gate.
    connection, looks = [await connect(system.endpoints.database_url) for _ in range(2)]
    try:
        async with looking(looks, events) as progress:
            measured = await run_product(system, connection, load, customers, further)
    finally:
        await connection.close()
        await looks.close()
        for pair in further:
            await pair.supervisor.stop_all()
    ingest, projector = measured.legs
    speed = round(progress.per_second(events / 3, events))
    return Scaled(pairs, brokers, speed, round(ingest.cpu_microseconds, 1), round(projector.cpu_microseconds, 1))


def table(measured: Sequence[Scaled]) -> Table:
    """Each case beside the first one."""
    shown = Table(title="throughput by worker processes and brokers")
    for column in ("ingest + projector", "brokers", "events/s", "of the first", "CPU µs: ingest", "projector"):
        shown.add_column(column, justify="right")
    for scaled in measured:
        share = f"{scaled.events_per_second / measured[0].events_per_second:.2f}"
        cpu = f"{scaled.ingest_us:.1f}", f"{scaled.projector_us:.1f}"
        shown.add_row(
            f"{scaled.pairs} + {scaled.pairs}", str(scaled.brokers), f"{scaled.events_per_second:,}", share, *cpu
        )
    return shown


@click.command()
@click.option("--events", type=click.IntRange(1_000, 20_000_000), default=300_000, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(events: int, file: Path | None) -> None:
    """Measure how it scales; the last line of the output is JSON."""
    measured = []
    for case in CASES:

        async def measured_case(system: System, folder: Path, say: Say, case: tuple[int, int] = case) -> Scaled:
            return await measure(system, folder, events, *case, say)

        measured.append(on_empty_system("scaling", measured_case, brokers=case[1]))
    show([table(measured)], [asdict(scaled) for scaled in measured], file)


if __name__ == "__main__":
    main()
