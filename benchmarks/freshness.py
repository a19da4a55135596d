"""`python -m benchmarks.freshness`: how long from usage published to its balance visible, at a steady rate.

Usage is visible with the commit of the transaction that holds it: `usage` is then read up to it, in the live read
models, and its balances stand beside it. Families that had to wait for their turn are counted as not visible before
nobody waits any more. What is measured includes the acknowledgement of Kafka, rating, and projecting.
"""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from benchmarks.running import ORGANIZATION, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import NotFinishedError, cpu_seconds, until
from benchmarks.workload import Load
from events.topics import USAGE
from services.kafka import BatchWriter
from services.run.up import System

#: Usage is published in bursts this far apart, and it is looked so often whether it is visible.
BURST_SECONDS, LOOK_SECONDS = 0.01, 0.002
#: The first seconds are not measured: processes compile, caches fill.
WARM_SECONDS = 5.0
#: How long what was published last may take to be visible.
DRAIN_SECONDS = 60.0
_SEEN = """
SELECT (SELECT count(*) FROM due_accounts WHERE reason <> 'lines') AS waiting,
       ARRAY(SELECT coalesce((SELECT next_offset FROM positions WHERE topic = 'usage' AND partition = p), 0)
             FROM generate_series(0, $1 - 1) AS p ORDER BY p)::bigint[] AS read
"""


@dataclass(frozen=True, slots=True)
class Freshness:
    """Milliseconds from published to visible; `projector_cpu` is its share of a core."""

    accounts: int
    rate: int
    records: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    most_ms: float
    writes_per_second: float
    projector_cpu: float


@dataclass(slots=True)
class Watch:
    """What was published when, and what was seen when: by partition of `usage`, (next offset, moment), in order."""

    partitions: int
    published: list[list[tuple[int, float]]] = field(default_factory=list)
    seen: list[list[tuple[int, float]]] = field(default_factory=list)
    moves: int = 0
    _read: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.published = [[] for _ in range(self.partitions)]
        self.seen = [[] for _ in range(self.partitions)]

    async def look(self) -> tuple[bool, object]:
        """Whether all that was published is visible, and how far `usage` is read."""
        return self.is_visible, self._read

    def note(self, row: Any) -> None:
        """A look at the read models, as of now."""
        now, read = time.monotonic(), tuple(row["read"])
        self.moves += read != self._read
        self._read = read
        if not row["waiting"]:
            for partition, offset in enumerate(read):
                self.seen[partition].append((offset, now))

    @property
    def is_visible(self) -> bool:
        """Whether all that was published is."""
        ends = [bursts[-1][0] if bursts else 0 for bursts in self.published]
        return all(seen and seen[-1][0] >= end for seen, end in zip(self.seen, ends, strict=True))

    def latencies(self, since: float) -> list[float]:
        """Seconds from published to visible of each record that was published after a moment, in order."""
        found = []
        for partition, bursts in enumerate(self.published):
            before = 0
            for offset, moment in bursts:
                place = bisect_left(self.seen[partition], (offset, 0.0))
                if place == len(self.seen[partition]):
                    raise NotFinishedError("the projection of the usage", DRAIN_SECONDS, f"partition {partition}")
                if moment >= since:
                    found += [self.seen[partition][place][1] - moment] * (offset - before)
                before = offset
        return sorted(found)


async def publish(system: System, load: Load, rate: int, watch: Watch) -> float:
    """All events of the load, so many a second once the first are visible; returns when that was."""
    counts, started, sent = [0] * load.partitions, 0.0, 0
    async with BatchWriter(system.endpoints.kafka) as writer:
        for chunk in load.chunks(max(1, round(rate * BURST_SECONDS))):
            await asyncio.sleep(max(0.0, started + sent / rate - time.monotonic()))
            moment = time.monotonic()
            for partition, records in chunk.items():
                await writer.append(USAGE, partition, records)
                counts[partition] += len(records)
                watch.published[partition].append((counts[partition], moment))
                sent += len(records)
            if not started:
                await until("the projection of the first usage", DRAIN_SECONDS, watch.look, system.supervisor)
                started, sent = time.monotonic(), 0
    return started


async def look(connection: Any, watch: Watch, ended: asyncio.Event) -> None:
    """Look until all that was published is visible."""
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        watch.note(await connection.fetchrow(_SEEN, watch.partitions))
        if ended.is_set():
            deadline = deadline or time.monotonic() + DRAIN_SECONDS
            if watch.is_visible:
                return
        await asyncio.sleep(LOOK_SECONDS)


async def measure(system: System, accounts: int, rate: int, seconds: int, say: Any) -> Freshness:
    """Set up, publish at the rate and look. Raises: NotFinishedError."""
    events = round(rate * (seconds + WARM_SECONDS))
    load = Load(ORGANIZATION, events, system.settings.partitions, accounts, days=1)  # as it comes: of today
    say(f"creating {accounts:,} accounts with a prepayment each")
    await create_customers(system, load.codes())
    await system.start(("ingest",))
    watch, ended = Watch(load.partitions), asyncio.Event()
    connection = await connect(system.endpoints.database_url)
    try:
        say(f"publishing {rate:,} events a second for {seconds + WARM_SECONDS:.0f} s")
        cpu = -cpu_seconds("projector")
        looking = asyncio.create_task(look(connection, watch, ended))
        started = await publish(system, load, rate, watch)
        ended.set()
        await looking
        passed, cpu = time.monotonic() - started, cpu + cpu_seconds("projector")
    finally:
        await connection.close()
    found = watch.latencies(started + WARM_SECONDS)
    p50, p90, p99, most = (_part(found, share) for share in (0.5, 0.9, 0.99, 1.0))
    writes, cpu = round(watch.moves / passed, 1), round(cpu / passed, 2)
    return Freshness(accounts, rate, len(found), p50, p90, p99, most, writes, cpu)


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
    for column in ("accounts", "events/s", "p50", "p90", "p99", "most", "writes/s", "projector's core"):
        shown.add_column(column, justify="right")
    times = (f"{one:.0f}" for one in (result.p50_ms, result.p90_ms, result.p99_ms, result.most_ms))
    shown.add_row(f"{accounts:,}", f"{rate:,}", *times, str(result.writes_per_second), str(result.projector_cpu))
    show([shown], asdict(result), file)


if __name__ == "__main__":
    main()
