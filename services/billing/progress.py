"""Waiting until all that was there is projected: events of the store, and usage in Kafka (design, decision 18).

A bill run that did not wait would be right all the same, its misses would stand as differences on the next bill; but
whoever published usage and then asked for a bill expects it on this one.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from events.topics import CATALOG, EVENTS, USAGE, read_source
from services.failures import ExpectedFailure, Passing
from services.kafka import KafkaUnreachableError, LogReader
from services.postgres import Postgres
from services.store.events import head, relayed
from services.store.generations import load_generations

LOOK_SECONDS = 0.02
PROGRESS_SECONDS = 60.0
#: What an HTTP request waits in all: less than a client does, so that it is told what is missing.
HTTP_SECONDS = 25.0
#: How long Kafka may take to say where its topics end.
KAFKA_SECONDS = 10.0

_LIVE = "SELECT name FROM store.live_schema"


class ProjectionStalledError(ExpectedFailure, Passing):
    """Waited for {what} for {seconds} s without progress, or in all: is {who} running?"""

    def __init__(self, what: str, who: str, seconds: float, *, moving: bool = False) -> None:
        why = f": the {who} has not caught up yet, try again" if moving else f" without progress: is the {who} running?"
        super().__init__(f"waited for {what} for {seconds:.0f} s{why}")


@dataclass(frozen=True, slots=True)
class Progress:
    """What the live read models have folded, by partition of `billing.events`."""

    next_offsets: Mapping[int, int]
    catalog_offsets: Mapping[int, int]
    sequences: Mapping[int, Mapping[str, int]]


async def read_progress(connection: object) -> Progress:
    """The positions of the live read models."""
    schema = await connection.fetchval(_LIVE)  # type: ignore[attr-defined]
    rows = await connection.fetch(  # type: ignore[attr-defined]
        f"SELECT partition, next_offset, catalog_offset, sequences::text FROM {schema}.positions WHERE topic = $1",
        EVENTS,
    )
    return Progress(
        {row["partition"]: row["next_offset"] for row in rows},
        {row["partition"]: row["catalog_offset"] for row in rows},
        {row["partition"]: json.loads(row["sequences"]) for row in rows},
    )


class Waiter:
    """Waits for the relay, the ingest worker and the projector, each as long as it makes progress.

    `within`: each wait ends after so many seconds in all, whatever progress is made.
    """

    def __init__(self, postgres: Postgres, bootstrap: str, within: float | None = None) -> None:
        self._postgres, self._bootstrap, self._within = postgres, bootstrap, within

    async def until_projected(self) -> None:
        """Until every event and every usage record that is there now is in the read models.

        Usage in a wrong partition is published again into the right one, behind the ends taken first; so the ends are
        taken a second time once the first are read. Raises: ProjectionStalledError, KafkaUnreachableError.
        """
        deadline = _Deadline(self._within)
        async with self._postgres.connection() as connection:
            generations = await load_generations(connection)
        for _ in range(2):
            ends = await self._ends(deadline, USAGE, range(generations.partitions))
            await self._until_read(deadline, ends, generations.usage)
        await self._until_relayed_and_folded(deadline, generations.partitions)

    async def until_commands_projected(self) -> None:
        """Until every event of the store that is committed now is in the read models; usage is not waited for.

        Raises: ProjectionStalledError, KafkaUnreachableError.
        """
        deadline = _Deadline(self._within)
        async with self._postgres.connection() as connection:
            partitions = (await load_generations(connection)).partitions
        await self._until_relayed_and_folded(deadline, partitions)

    async def _until_relayed_and_folded(self, deadline: "_Deadline", partitions: int) -> None:
        try:
            await self._until_relayed(deadline)
        except ProjectionStalledError:
            await self._ends(_Deadline(KAFKA_SECONDS / 2), CATALOG, [0])  # the relay cannot publish while Kafka is away
            raise
        ends = await self._ends(deadline, EVENTS, range(partitions))
        catalog = (await self._ends(deadline, CATALOG, [0]))[0]
        await self._until_folded(deadline, ends, catalog)

    async def _ends(self, deadline: "_Deadline", topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Raises: KafkaUnreachableError, naming Kafka's address."""
        try:
            async with (
                asyncio.timeout(max(1.0, min(KAFKA_SECONDS, deadline.left))),
                LogReader(self._bootstrap) as reader,
            ):
                return await reader.end_offsets(topic, partitions)
        except TimeoutError as error:
            raise KafkaUnreachableError(self._bootstrap, str(error) or "no answer in time") from error

    async def _until_relayed(self, deadline: "_Deadline") -> None:
        """Until Kafka has acknowledged every event of the store that is committed now."""
        async with self._postgres.connection() as connection:
            wanted = await head(connection)
            clock = _Clock(deadline)
            while (done := await relayed(connection)) < wanted:
                await clock.tick(done, "the relay to publish every command", "relay")

    async def _until_read(self, deadline: "_Deadline", ends: Mapping[int, int], generation: str) -> None:
        clock = _Clock(deadline)
        while True:
            async with self._postgres.connection() as connection:
                progress = await read_progress(connection)
            read = {
                partition: progress.sequences.get(partition, {}).get(read_source(generation, partition), 0)
                for partition in ends
            }
            if all(read[partition] >= end for partition, end in ends.items()):
                return
            await clock.tick(read, "usage to be rated and projected", "ingest worker or the projector")

    async def _until_folded(self, deadline: "_Deadline", ends: Mapping[int, int], catalog: int) -> None:
        clock = _Clock(deadline)
        while True:
            async with self._postgres.connection() as connection:
                progress = await read_progress(connection)
            behind = [partition for partition, end in ends.items() if progress.next_offsets.get(partition, 0) < end]
            if not behind and all(progress.catalog_offsets.get(partition, 0) >= catalog for partition in ends):
                return
            await clock.tick(progress, "the log to be projected", "projector")


class _Deadline:
    """When one wait is over, of all that it waits for together; `within` None: never."""

    def __init__(self, within: float | None) -> None:
        self.within = within
        self._end = inf if within is None else asyncio.get_running_loop().time() + within

    @property
    def left(self) -> float:
        return self._end - asyncio.get_running_loop().time()


class _Clock:
    """Sleeps between looks, and gives up at the deadline, or when nothing moves for PROGRESS_SECONDS."""

    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline
        self._first: object = None
        self._seen: object = None
        self._since = asyncio.get_running_loop().time()

    async def tick(self, seen: object, what: str, who: str) -> None:
        now = asyncio.get_running_loop().time()
        if self._first is None:
            self._first = seen
        if self._deadline.within is not None and self._deadline.left <= 0:
            raise ProjectionStalledError(what, who, self._deadline.within, moving=seen != self._first)
        if seen != self._seen:
            self._seen, self._since = seen, now
        elif now - self._since > PROGRESS_SECONDS:
            raise ProjectionStalledError(what, who, PROGRESS_SECONDS)
        await asyncio.sleep(LOOK_SECONDS)
