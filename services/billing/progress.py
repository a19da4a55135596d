"""Waiting until all that was there is projected: events of the store, and usage in Kafka (design, decision 18).

A bill run that did not wait would be right all the same, its misses would stand as differences on the next bill; but
whoever published usage and then asked for a bill expects it on this one.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from events.topics import CATALOG, EVENTS, USAGE, read_source
from services.failures import ExpectedFailure
from services.kafka import LogReader
from services.postgres import Postgres
from services.store.events import head, relayed
from services.store.generations import load_generations

LOOK_SECONDS = 0.02
PROGRESS_SECONDS = 60.0

_LIVE = "SELECT name FROM store.live_schema"


class ProjectionStalledError(ExpectedFailure):
    """Waited for {what} for {seconds} s without progress: is {who} running?"""

    def __init__(self, what: str, who: str) -> None:
        super().__init__(f"waited for {what} for {PROGRESS_SECONDS:.0f} s without progress: is the {who} running?")


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
    """Waits for the relay, the ingest worker and the projector, each as long as it makes progress."""

    def __init__(self, postgres: Postgres, bootstrap: str) -> None:
        self._postgres, self._bootstrap = postgres, bootstrap

    async def until_projected(self) -> None:
        """Until every event and every usage record that is there now is in the read models.

        Usage in a wrong partition is published again into the right one, behind the ends taken first; so the ends are
        taken a second time once the first are read. Raises: ProjectionStalledError, KafkaUnreachableError.
        """
        async with self._postgres.connection() as connection:
            generations = await load_generations(connection)
        partitions = range(generations.partitions)
        async with LogReader(self._bootstrap) as reader:
            for _ in range(2):
                ends = await reader.end_offsets(USAGE, partitions)
                await self._until_read(ends, generations.usage)
            await self.until_relayed()
            ends = await reader.end_offsets(EVENTS, partitions)
            catalog = (await reader.end_offsets(CATALOG, [0]))[0]
        await self._until_folded(ends, catalog)

    async def until_commands_projected(self) -> None:
        """Until every event of the store that is committed now is in the read models; usage is not waited for."""
        async with self._postgres.connection() as connection:
            partitions = range((await load_generations(connection)).partitions)
        await self.until_relayed()
        async with LogReader(self._bootstrap) as reader:
            ends = await reader.end_offsets(EVENTS, partitions)
            catalog = (await reader.end_offsets(CATALOG, [0]))[0]
        await self._until_folded(ends, catalog)

    async def until_relayed(self) -> None:
        """Until Kafka has acknowledged every event of the store that is committed now."""
        async with self._postgres.connection() as connection:
            wanted = await head(connection)
            clock = _Clock()
            while (done := await relayed(connection)) < wanted:
                await clock.tick(done, "the relay to publish every command", "relay")

    async def _until_read(self, ends: Mapping[int, int], generation: str) -> None:
        clock = _Clock()
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

    async def _until_folded(self, ends: Mapping[int, int], catalog: int) -> None:
        clock = _Clock()
        while True:
            async with self._postgres.connection() as connection:
                progress = await read_progress(connection)
            behind = [partition for partition, end in ends.items() if progress.next_offsets.get(partition, 0) < end]
            if not behind and all(progress.catalog_offsets.get(partition, 0) >= catalog for partition in ends):
                return
            await clock.tick(progress, "the log to be projected", "projector")


class _Clock:
    """Sleeps between looks, and gives up when nothing moves for PROGRESS_SECONDS."""

    def __init__(self) -> None:
        self._seen: object = None
        self._since = asyncio.get_running_loop().time()

    async def tick(self, seen: object, what: str, who: str) -> None:
        now = asyncio.get_running_loop().time()
        if seen != self._seen:
            self._seen, self._since = seen, now
        elif now - self._since > PROGRESS_SECONDS:
            raise ProjectionStalledError(what, who)
        await asyncio.sleep(LOOK_SECONDS)
