"""`python -m benchmarks.freshness`: how long from usage published to its balance visible, at a steady rate.

Usage is visible with the commit of the transaction that settles it: `usage` is then read up to it, in the live read
models, and its account does not wait for its turn to be settled. What is measured includes the acknowledgement of
Kafka, rating, and projecting.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.table import Table

from benchmarks.accounts import Customer
from benchmarks.running import ORGANIZATION, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import NotFinishedError, cpu_seconds, until
from benchmarks.workload import Load
from events.topics import USAGE, usage_key
from services.kafka import BatchWriter, Record
from services.run.up import System

#: Usage is published in bursts this far apart, and it is looked so often whether it is visible.
BURST_SECONDS, LOOK_SECONDS = 0.02, 0.005
#: The first seconds are not measured: processes compile, caches fill.
WARM_SECONDS = 5.0
#: Whose CPU is looked at.
PROCESSES = ("ingest", "projector")
#: How long what was published last may take to be visible.
DRAIN_SECONDS = 60.0
_SEEN = """
SELECT ARRAY(SELECT root_id FROM due_accounts WHERE reason NOT IN ('lines', 'outlooks')) AS waiting,
       ARRAY(SELECT coalesce((SELECT next_offset FROM positions WHERE topic = 'usage' AND partition = p), 0)
             FROM generate_series(0, $1 - 1) AS p ORDER BY p)::bigint[] AS read
"""


@dataclass(frozen=True, slots=True)
class Freshness:
    """Milliseconds from published to visible, and what part of a core our processes took."""

    accounts: int
    rate: int
    records: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    most_ms: float
    writes_per_second: float
    cores: dict[str, float]


class Burst(NamedTuple):
    """What was published into a partition at once: its end, when, and of whom how much, by account id."""

    end: int
    moment: float
    records: Mapping[str, int]


@dataclass(slots=True)
class Watch:
    """What was published and is not visible yet; `latencies` are (moment, seconds until visible, records)."""

    published: list[deque[Burst]]
    #: What is read, but waits for its account to be settled, by account id.
    held: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    latencies: list[tuple[float, float, int]] = field(default_factory=list)
    moves: int = 0
    _read: tuple[int, ...] = ()

    async def look(self) -> tuple[bool, object]:
        """Whether all that was published is visible, and how far `usage` is read."""
        return self.is_visible, f"usage read up to {self._read}, {len(self.held)} accounts wait"

    def note(self, row: Any) -> None:
        """A look at the read models, as of now."""
        now, read, waiting = time.monotonic(), tuple(row["read"]), set(row["waiting"])
        self.moves += read != self._read
        self._read = read
        for account in self.held.keys() - waiting:
            self.latencies += [(moment, now - moment, count) for moment, count in self.held.pop(account)]
        for bursts, end in zip(self.published, read, strict=True):
            while bursts and bursts[0].end <= end:
                burst = bursts.popleft()
                for account, count in burst.records.items():
                    if account in waiting:
                        self.held.setdefault(account, []).append((burst.moment, count))
                    else:
                        self.latencies.append((burst.moment, now - burst.moment, count))

    @property
    def is_visible(self) -> bool:
        """Whether all that was published is."""
        return not self.held and not any(self.published)

    def since(self, moment: float) -> list[float]:
        """Seconds until visible of each record that was published after a moment, in order."""
        return sorted(
            seconds for at, seconds, count in self.latencies if at >= moment for seconds in repeat(seconds, count)
        )


class Made(NamedTuple):
    """What is published into a partition at once, and of whom how much, by account id."""

    partition: int
    records: list[Record]
    of_accounts: Mapping[str, int]


def make(load: Load, rate: int, customers: Mapping[str, Customer]) -> list[list[Made]]:
    """The load in bursts. All of it is made before anything is measured, or making it would take a core's quarter."""
    whose = {usage_key(ORGANIZATION, code): customer.account for code, customer in customers.items()}
    return [
        [Made(one, records, Counter(whose[record.key or b""] for record in records)) for one, records in chunk.items()]
        for chunk in load.chunks(max(1, round(rate * BURST_SECONDS)))
    ]


async def publish(system: System, bursts: Sequence[Sequence[Made]], rate: int, watch: Watch) -> float:
    """All bursts, so many events a second once the first are visible; returns when that was."""
    counts, started, sent = [0] * len(watch.published), 0.0, 0
    async with BatchWriter(system.endpoints.kafka) as writer:
        for burst in bursts:
            await asyncio.sleep(max(0.0, started + sent / rate - time.monotonic()))
            moment = time.monotonic()
            for made in burst:
                await writer.append(USAGE, made.partition, made.records)
                counts[made.partition] += len(made.records)
                watch.published[made.partition].append(Burst(counts[made.partition], moment, made.of_accounts))
                sent += len(made.records)
            if not started:
                await until("the projection of the first usage", DRAIN_SECONDS, watch.look, system.supervisor)
                started, sent = time.monotonic(), 0
    return started


async def look(connection: Any, watch: Watch, ended: asyncio.Event) -> None:
    """Look until all that was published is visible. Raises: NotFinishedError."""
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        asked = time.monotonic()
        watch.note(await connection.fetchrow(_SEEN, len(watch.published)))
        if ended.is_set():
            deadline = deadline or time.monotonic() + DRAIN_SECONDS
            if watch.is_visible:
                return
        # A look that takes long, at many who wait, must not take what is measured its time.
        await asyncio.sleep(max(LOOK_SECONDS, 4 * (time.monotonic() - asked)))
    raise NotFinishedError("the projection of the usage", DRAIN_SECONDS, (await watch.look())[1])


async def measure(system: System, accounts: int, rate: int, seconds: int, say: Any) -> Freshness:
    """Set up, publish at the rate and look. Raises: NotFinishedError."""
    events = round(rate * (seconds + WARM_SECONDS))
    load = Load(ORGANIZATION, events, system.settings.partitions, accounts, days=1)  # as it comes: of today
    say(f"creating {accounts:,} accounts with a prepayment each")
    customers = await create_customers(system, load.codes())
    await system.start(("ingest",))
    bursts = make(load, rate, customers)
    watch, ended = Watch([deque() for _ in range(load.partitions)]), asyncio.Event()
    connection = await connect(system.endpoints.database_url)
    try:
        say(f"publishing {rate:,} events a second for {seconds + WARM_SECONDS:.0f} s")
        cpu = {name: -cpu_seconds(name) for name in PROCESSES}
        looking = asyncio.create_task(look(connection, watch, ended))
        started = await publish(system, bursts, rate, watch)
        ended.set()
        await looking
        passed = time.monotonic() - started
        cores = {name: round((cpu_seconds(name) + before) / passed, 2) for name, before in cpu.items()}
    finally:
        await connection.close()
    found = watch.since(started + WARM_SECONDS)
    p50, p90, p99, most = (_part(found, share) for share in (0.5, 0.9, 0.99, 1.0))
    return Freshness(accounts, rate, len(found), p50, p90, p99, most, round(watch.moves / passed, 1), cores)


def _part(ordered: Sequence[float], share: float) -> float:
    """Milliseconds below which this share of them is."""
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000, 1)


@click.command()
@click.option(
    "--accounts", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, help="Active accounts."
)
@click.option("--rate", type=click.IntRange(1, 1_000_000), default=2_000, show_default=True, help="Events a second.")
@click.option(
    "--seconds", type=click.IntRange(1, 3_600), default=30, show_default=True, help="How long it is measured."
)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(accounts: int, rate: int, seconds: int, file: Path | None) -> None:
    """Measure how fresh balances are; the last line of the output is JSON."""
    result = on_empty_system("freshness", lambda system, _, say: measure(system, accounts, rate, seconds, say))
    shown = Table(title="usage published -> balance visible, milliseconds")
    for column in ("accounts", "events/s", "p50", "p90", "p99", "most", "writes/s", *PROCESSES):
        shown.add_column(column, justify="right")
    times = (f"{one:.0f}" for one in (result.p50_ms, result.p90_ms, result.p99_ms, result.most_ms))
    shown.add_row(f"{accounts:,}", f"{rate:,}", *times, str(result.writes_per_second), *map(str, result.cores.values()))
    show([shown], asdict(result), file)


if __name__ == "__main__":
    main()
