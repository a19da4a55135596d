"""A relay to start, commands to carry, and the log as a reader applies it."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

from events.codec import decode
from events.envelope import Envelope
from events.sources import commands_source
from events.topics import CATALOG, EVENTS
from services.continuity.check import log_partitions
from services.kafka import LogReader
from services.relay.cli import run_relay
from services.store.events import head, relayed
from tests.store.kit import Store

PATIENCE_S = 90.0
Place = tuple[str, int]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that must come true."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def relay(store: Store, **options: Any) -> AsyncIterator[None]:
    """A relay in this process for the length of a block."""
    stop = asyncio.Event()
    running = asyncio.create_task(run_relay(store.endpoints.kafka, store.endpoints.database_url, stop, **options))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await running


async def relayed_all(store: Store) -> bool:
    async with store.postgres.connection() as connection:
        return await relayed(connection) == await head(connection)


class Log:
    """The records that came after it was made."""

    def __init__(self, store: Store, reader: LogReader) -> None:
        self._store, self._reader = store, reader
        self._starts: dict[Place, int] = {}

    async def begin(self) -> "Log":
        self._starts = await self._ends()
        return self

    async def _ends(self) -> dict[Place, int]:
        places = [*log_partitions(self._store.generations.partitions)]
        return {
            topic_partition: (await self._reader.end_offsets(topic_partition[0], [topic_partition[1]]))[
                topic_partition[1]
            ]
            for topic_partition in places
        }

    async def written(self) -> dict[Place, list[Envelope]]:
        """Every record, repeats included."""
        written: dict[Place, list[Envelope]] = defaultdict(list)
        for (topic, partition), end in (await self._ends()).items():
            async for records in self._reader.read(topic, partition, self._starts[topic, partition], end):
                written[topic, partition] += [decode(record.value) for record in records]
        return written

    async def read(self, source: str) -> dict[Place, list[Envelope]]:
        """What a reader applies of a source: a record only if its sequence is greater than the last it applied."""
        applied: dict[Place, list[Envelope]] = defaultdict(list)
        for topic_partition, envelopes in (await self.written()).items():
            last = -1
            for envelope in envelopes:
                if envelope.source == source and envelope.sequence > last:
                    applied[topic_partition].append(envelope)
                    last = envelope.sequence
        return applied


@contextlib.asynccontextmanager
async def log_of(store: Store) -> AsyncIterator[Log]:
    async with LogReader(store.endpoints.kafka) as reader:
        yield await Log(store, reader).begin()


async def expected(store: Store, after: int) -> dict[Place, list[int]]:
    """Positions of each place, in order, as the routes of the store's rows say."""
    async with store.postgres.connection() as connection:
        rows = await connection.fetch(
            "SELECT position, route, partition FROM store.events WHERE position > $1 ORDER BY position", after
        )
    places: dict[Place, list[int]] = defaultdict(list)
    for row in rows:
        if row["route"] in ("account", "both"):
            places[EVENTS, row["partition"]].append(row["position"])
        if row["route"] == "everywhere":
            for partition in range(store.generations.partitions):
                places[EVENTS, partition].append(row["position"])
        if row["route"] != "account":
            places[CATALOG, 0].append(row["position"])
    return places


async def commands(store: Store, count: int) -> None:
    """Accounts with a commitment each, and a product now and then."""
    for number in range(count):
        await store.commitment(await store.account())
        if number % 5 == 0:
            await store.create("product", code=f"p-{uuid4().hex}", name="P")


async def check_nothing_lost_or_doubled(store: Store, log: Log, after: int) -> None:
    read = await log.read(commands_source(store.generations.commands))
    sequences = {
        topic_partition: [envelope.sequence for envelope in envelopes] for topic_partition, envelopes in read.items()
    }
    assert {topic_partition: numbers for topic_partition, numbers in sequences.items() if numbers} == await expected(
        store, after
    )


async def caught_up_head(store: Store) -> int:
    """Let a relay carry all there is; returns the head. Tests before this one may have left events."""
    async with relay(store):
        await until(lambda: relayed_all(store))
    async with store.postgres.connection() as connection:
        return await head(connection)
