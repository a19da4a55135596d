"""`python -m benchmarks.freshness`: how long from usage published to its balance visible, at a steady rate.

What is measured includes the acknowledgement of Kafka, rating, and projecting (`benchmarks.steady`). In the same
system it can be measured again beside accounts that cost more than others (`benchmarks.heavy`), and meanwhile
commitments can be created at a steady rate (`benchmarks.commanding`).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from benchmarks import heavy
from benchmarks.accounts import Customer
from benchmarks.commanding import Answered, create_commitments
from benchmarks.running import ORGANIZATION, Say, connect, create_customers, on_empty_system
from benchmarks.scraping import shown
from benchmarks.showing import show
from benchmarks.steady import BURST_SECONDS, Made, Watch, look, make, publish
from benchmarks.waiting import cpu_seconds, resident_mb
from benchmarks.workload import Load
from services.run.up import System

#: The first seconds are not measured: processes compile, caches fill.
WARM_SECONDS = 5.0
#: What the projector shows of draws and lines, of those that were written within two seconds, and of families.
LINES, LINES_IN_TIME = (("trueup_lines_behind_seconds_bucket", bound) for bound in ("+Inf", "2.0"))
SETTLED = ("trueup_settled_families_total", None)
#: Whose CPU and memory are looked at.
PROCESSES = ("ingest", "projector")
#: What was measured with rules is beside.
RULES = "rules"


@dataclass(frozen=True, slots=True)
class Freshness:
    """Milliseconds from published to visible, and what part of a core and how many MB our processes took."""

    beside: str | None
    rate: int
    records: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    most_ms: float
    writes_per_second: float
    cores: dict[str, float]
    rss_mb: dict[str, float]
    #: Milliseconds until commands were answered, if there were any.
    create_p50_ms: float | None = None
    create_p99_ms: float | None = None
    #: How much of all draws and lines was written within two seconds of its balance, in percent.
    lines_in_time: float | None = None
    #: Families settled a second, for a balance or for the lines that follow it.
    settled_per_second: int = 0


@dataclass(slots=True)
class Steady:
    """A system with customers, whose usage is published and looked at once or more."""

    system: System
    connection: Any
    customers: Mapping[str, Customer]
    seconds: int
    creates: int
    watch: Watch
    #: The number of the first event that was not published yet.
    next: int = field(default=0)

    async def measure(self, rate: int, beside: str | None = None) -> Freshness:
        """So many events a second of the customers, which alone are measured. Raises: NotFinishedError."""
        bursts, ended, moves = self._bursts(rate, beside), asyncio.Event(), self.watch.moves
        cpu = {name: -cpu_seconds(name) for name in PROCESSES}
        shown_before = await shown(self.system.addresses.sight["projector"])
        looking = asyncio.create_task(look(self.connection, self.watch, ended))
        creating = asyncio.create_task(self._create())
        total = sum(len(made.records) for burst in bursts for made in burst) / len(bursts) / BURST_SECONDS
        started = await publish(self.system, bursts, self.watch, round(total))
        ended.set()
        answered = await creating
        await looking
        passed = time.monotonic() - started
        cores = {name: round((cpu_seconds(name) + before) / passed, 2) for name, before in cpu.items()}
        shown_after = await shown(self.system.addresses.sight["projector"])
        written, in_time, settled = (shown_after[key] - shown_before[key] for key in (LINES, LINES_IN_TIME, SETTLED))
        measured, warm = self.watch.since(started + WARM_SECONDS), started + WARM_SECONDS
        commands = sorted(command.seconds for command in answered if command.due >= warm)
        p50, p90, p99, most = (_part(measured, share) for share in (0.5, 0.9, 0.99, 1.0))
        create_p50, create_p99 = (_part(commands, share) if commands else None for share in (0.5, 0.99))
        return Freshness(
            beside,
            rate,
            len(measured),
            p50,
            p90,
            p99,
            most,
            round((self.watch.moves - moves) / passed, 1),
            cores,
            {name: resident_mb(name) for name in PROCESSES},
            create_p50,
            create_p99,
            round(100 * in_time / written, 1) if written else None,
            round(settled / passed),
        )

    def _bursts(self, rate: int, beside: str | None) -> list[list[Made]]:
        partitions = len(self.watch.ends)
        count, accounts = round(rate * (self.seconds + WARM_SECONDS)), len(self.customers)
        # As it comes: of today.
        load = Load(ORGANIZATION, self.next + count, partitions, accounts, days=1, first=self.next)
        self.next += count
        bursts = make(load, rate, self.customers)
        if beside is not None:
            added = heavy.events(beside, rate, len(bursts), partitions)
            bursts = [[*burst, more] for burst, more in zip(bursts, added, strict=True)]
        return bursts

    async def _create(self) -> list[Answered]:
        if not self.creates:
            return []
        accounts = [customer.account for customer in self.customers.values()]
        return await create_commitments(self.system, accounts, self.creates, self.seconds + WARM_SECONDS)


async def measure(
    system: System,
    accounts: int,
    rate: int,
    seconds: int,
    beside: Sequence[str],
    creates: int,
    resting: int,
    rules: int,
    say: Say,
) -> list[Freshness]:
    """Set up, publish at the rate and look: alone, then beside each account that costs more, then with so many rules.

    Raises: NotFinishedError, RefusedRequestError.
    """
    load = Load(ORGANIZATION, 0, system.settings.partitions, accounts)
    say(f"creating {accounts + resting:,} accounts with a prepayment each")
    codes = [*load.codes(), *(f"resting-{number}" for number in range(resting))]
    customers = await create_customers(system, codes)
    active = {code: customers[code] for code in load.codes()}
    del customers
    connection = await connect(system.endpoints.database_url)
    try:
        if beside:
            say("creating accounts that cost more")
            await heavy.create(system, connection, beside, accounts + resting)
        await system.start(("ingest",))
        steady = Steady(system, connection, active, seconds, creates, Watch.of(load.partitions))
        measured = []
        for neighbour in (None, *beside):
            published = f"{rate:,} events a second for {seconds + WARM_SECONDS:.0f} s"
            say(f"publishing {published}, beside {neighbour or 'nobody'}")
            measured.append(await steady.measure(rate, neighbour))
        if rules:
            say(f"making {rules:,} alert rules, and measuring once more")
            await heavy.create_rules(system, rules, accounts + resting)
            measured.append(replace(await steady.measure(rate), beside=RULES))
        return measured
    finally:
        await connection.close()


def _part(ordered: Sequence[float], share: float) -> float:
    """Milliseconds below which this share of them is."""
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000, 1)


def table(accounts: int, measured: Sequence[Freshness]) -> Table:
    """How long it took, and what it took."""
    shown = Table(title=f"usage of {accounts:,} accounts published -> balance visible, milliseconds")
    for column in ("beside", "events/s", "p50", "p90", "p99", "most", "writes/s"):
        shown.add_column(column, justify="right")
    for name in PROCESSES:
        shown.add_column(f"{name}: cores, MB", justify="right")
    shown.add_column("create: p50, p99", justify="right")
    for freshness in measured:
        times = (f"{value:.0f}" for value in (freshness.p50_ms, freshness.p90_ms, freshness.p99_ms, freshness.most_ms))
        took = (f"{freshness.cores[name]}, {freshness.rss_mb[name]:.0f}" for name in PROCESSES)
        created = (
            "" if freshness.create_p50_ms is None else f"{freshness.create_p50_ms:.0f}, {freshness.create_p99_ms:.0f}"
        )
        shown.add_row(
            freshness.beside or "", f"{freshness.rate:,}", *times, str(freshness.writes_per_second), *took, created
        )
    return shown


@click.command()
@click.option(
    "--accounts", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, help="Active accounts."
)
@click.option("--resting", type=click.IntRange(0, 10_000_000), default=0, help="Accounts besides, without usage.")
@click.option("--rate", type=click.IntRange(100, 1_000_000), default=2_000, show_default=True, help="Events a second.")
@click.option(
    "--seconds", type=click.IntRange(1, 3_600), default=30, show_default=True, help="How long it is measured."
)
@click.option(
    "--beside",
    type=click.Choice(list(heavy.KINDS)),
    multiple=True,
    help="Measure it again beside an account that costs more; repeat for several.",
)
@click.option(
    "--alerts", "rules", type=click.IntRange(0, 100_000), default=0, help="Measure it again with so many alert rules."
)
@click.option("--creates", type=click.IntRange(0, 10_000), default=0, help="Commitments to create a second meanwhile.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(
    accounts: int,
    resting: int,
    rate: int,
    seconds: int,
    beside: tuple[str, ...],
    rules: int,
    creates: int,
    file: Path | None,
) -> None:
    """Measure how fresh balances are; the last line of the output is JSON."""
    measured = on_empty_system(
        "freshness",
        lambda system, _, say: measure(system, accounts, rate, seconds, beside, creates, resting, rules, say),
    )
    alone, *others = (asdict(freshness) for freshness in measured)
    document = {"accounts": accounts, "resting": resting, **alone, "others": others}
    show([table(accounts, measured)], document, file)


if __name__ == "__main__":
    main()
