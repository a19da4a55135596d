"""Usage published at a steady rate, and how long each record of it takes until it is visible in a balance.

Usage is visible with the commit of the transaction that settles it: `usage` is then read up to it, in the live read
models, and its account does not wait for its turn to be settled.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

from benchmarks.accounts import Customer
from benchmarks.running import ORGANIZATION
from benchmarks.waiting import NotFinishedError, until
from benchmarks.workload import Load
from events.topics import USAGE, usage_key
from services.kafka import BatchWriter, Record
from services.run.up import System

#: Usage is published in bursts this far apart, and it is looked so often whether it is visible.
BURST_SECONDS, LOOK_SECONDS = 0.02, 0.005
#: How long what was published last may take to be visible.
DRAIN_SECONDS = 300.0
_SEEN = """
SELECT ARRAY(SELECT root_id FROM due_accounts WHERE reason NOT IN ('lines', 'outlooks')) AS waiting,
       ARRAY(SELECT coalesce((SELECT next_offset FROM positions WHERE topic = 'usage' AND partition = p), 0)
             FROM generate_series(0, $1 - 1) AS p ORDER BY p)::bigint[] AS read
"""


class Burst(NamedTuple):
    """What was published into a partition at once: its end, when, and of whom how much, by account id."""

    end: int
    moment: float
    records: Mapping[str, int]


@dataclass(slots=True)
class Watch:
    """What was published and is not visible yet; `latencies` are (moment, seconds until visible, records)."""

    published: list[deque[Burst]]
    #: The end of `usage` by partition.
    ends: list[int]
    #: What is read, but waits for its account to be settled, by account id.
    held: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    latencies: list[tuple[float, float, int]] = field(default_factory=list)
    moves: int = 0
    _read: tuple[int, ...] = ()

    @classmethod
    def of(cls, partitions: int) -> "Watch":
        """Over empty partitions."""
        return cls([deque() for _ in range(partitions)], [0] * partitions)

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
    """What is published into a partition at once, and of whom how much, by account id; of who is not watched none."""

    partition: int
    records: list[Record]
    of_accounts: Mapping[str, int]


def make(load: Load, rate: int, customers: Mapping[str, Customer]) -> list[list[Made]]:
    """The load in bursts. All of it is made before anything is measured, or making it would take a core's quarter."""
    whose = {usage_key(ORGANIZATION, code): customer.account for code, customer in customers.items()}
    return [
        [
            Made(partition, records, Counter(whose[record.key or b""] for record in records))
            for partition, records in chunk.items()
        ]
        for chunk in load.chunks(max(1, round(rate * BURST_SECONDS)))
    ]


async def publish(system: System, bursts: Sequence[Sequence[Made]], watch: Watch, rate: int) -> float:
    """All bursts, so many events a second once the first are visible; returns when that was."""
    started, sent = 0.0, 0
    async with BatchWriter(system.endpoints.kafka) as writer:
        for burst in bursts:
            await asyncio.sleep(max(0.0, started + sent / rate - time.monotonic()))
            moment = time.monotonic()
            for made in burst:
                await writer.append(USAGE, made.partition, made.records)
                watch.ends[made.partition] += len(made.records)
                watch.published[made.partition].append(Burst(watch.ends[made.partition], moment, made.of_accounts))
                sent += len(made.records)
            if not started:
                await until("the projection of the first usage", DRAIN_SECONDS, watch.look, system.supervisor)
                started, sent = time.monotonic(), 0
    return started


async def look(connection: Any, watch: Watch, ended: asyncio.Event) -> None:
    """Look until all that was published is visible. Raises: NotFinishedError."""
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        looked_at = time.monotonic()
        watch.note(await connection.fetchrow(_SEEN, len(watch.published)))
        if ended.is_set():
            deadline = deadline or time.monotonic() + DRAIN_SECONDS
            if watch.is_visible:
                return
        # A look that takes long, at many who wait, must not take what is measured its time.
        await asyncio.sleep(max(LOOK_SECONDS, 4 * (time.monotonic() - looked_at)))
    raise NotFinishedError("the projection of the usage", DRAIN_SECONDS, (await watch.look())[1])
