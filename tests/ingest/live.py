"""The real parts around ingest: topics and schema migrated, the relay running, facts and usage put in, the log read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any
from uuid import uuid4

from events.codec import decode
from events.envelope import Envelope
from events.facts.usage import UsageRated, UsageRead
from events.topics import EVENTS, USAGE, USAGE_REJECTED
from services.ingest.cli import run_ingest
from services.kafka import BatchWriter, FetchedRecord, LogReader, Record
from services.migrate.migrate import migrate
from services.postgres import open_postgres
from services.relay.cli import run_relay
from services.run.settings import load_settings
from services.run.stack import Endpoints
from services.store.events import NewEvent, append
from services.store.generations import Generations
from tests.ingest.world import NOW, World

#: Longest that a test waits for anything.
PATIENCE_S = 60.0


class Live:
    """Handles on a running system without projector; offsets are counted from when it was made."""

    def __init__(self, endpoints: Endpoints, generations: Generations, reader: LogReader, writer: BatchWriter) -> None:
        self.endpoints, self.generations = endpoints, generations
        self.reader, self.writer = reader, writer
        self.partitions = generations.partitions
        self.starts: dict[str, dict[int, int]] = {}

    async def begin(self) -> None:
        """Remember the ends of the topics: what is read later begins there."""
        for topic in (USAGE, EVENTS, USAGE_REJECTED):
            self.starts[topic] = await self.reader.end_offsets(topic, range(self.partitions))

    def world(self, **options: Any) -> World:
        """An organization of its own."""
        return World(f"org-{uuid4().hex[:12]}", self.partitions, **options)

    async def create(self, world: World) -> None:
        """Put the world's facts into the event store, as commands would."""
        events = [
            NewEvent(
                world.organization,
                f"{type(fact).__name__}-{number}",
                1,
                fact,
                NOW,
                account=getattr(getattr(fact, "body", None), "account_id", None) or getattr(fact, "root_id", None),
                partition=partition,
            )
            for number, (fact, partition) in enumerate(world.facts())
        ]
        async with open_postgres(self.endpoints.database_url, most=1) as postgres, postgres.transaction() as connection:
            await append(connection, events, self.generations)

    async def publish(
        self, partition: int, values: Iterable[bytes], headers: Sequence[tuple[str, bytes | None]] = ()
    ) -> int:
        """Append usage to a partition; returns the first record's offset."""
        acknowledged = await self.writer.append(USAGE, partition, [Record(b"k", value, headers) for value in values])
        return acknowledged[0][0]

    async def records(self, topic: str) -> list[tuple[int, FetchedRecord]]:
        """Every record since `begin` with its partition, partition after partition."""
        ends = await self.reader.end_offsets(topic, range(self.partitions))
        placed = []
        for partition, end in ends.items():
            async for records in self.reader.read(topic, partition, self.starts[topic][partition], end):
                placed += [(partition, record) for record in records]
        return placed

    async def log(self) -> list[Envelope]:
        """The facts of `billing.events` since `begin` by the sequence rule, as any reader applies them."""
        last: dict[tuple[int, str], int] = {}
        envelopes = []
        for partition, record in await self.records(EVENTS):
            envelope = decode(record.value)
            partition_and_source = (partition, envelope.source)
            if envelope.sequence > last.get(partition_and_source, -1):
                last[partition_and_source] = envelope.sequence
                envelopes.append(envelope)
        return envelopes

    async def settled(self) -> list[Envelope]:
        """The log, once every record that stands in `usage` is settled. Raises: TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                ends = await self.reader.end_offsets(USAGE, range(self.partitions))
                log = await self.log()
                read = dict(self.starts[USAGE])
                for envelope in log:
                    if isinstance(envelope.data, UsageRead):
                        read[int(envelope.source.rpartition("/")[2])] = envelope.data.next_offset
                if all(read[partition] >= end for partition, end in ends.items()):
                    return log
                await asyncio.sleep(0.1)

    async def rejected(self) -> list[dict[str, str]]:
        """What was refused, once per coordinates: the headers, and the value under `value`."""
        offsets = {}
        for _, record in await self.records(USAGE_REJECTED):
            headers = {
                name.removeprefix("trueup-"): (value or b"").decode(errors="replace") for name, value in record.headers
            }
            offsets[headers["partition"], headers["offset"]] = headers | {
                "value": record.value.decode(errors="replace")
            }
        return list(offsets.values())

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """An ingest worker in this process for the length of the block."""
        stop, ready = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(run_ingest(self.endpoints, stop, ready=ready.set, session_ms=6_000))
        waiting = asyncio.create_task(ready.wait())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            yield
        finally:
            waiting.cancel()
            stop.set()
            async with asyncio.timeout(PATIENCE_S):
                await task


def usages(log: Iterable[Envelope]) -> list[UsageRated]:
    """The usage in the log, in order."""
    return [envelope.data for envelope in log if isinstance(envelope.data, UsageRated)]


@contextlib.asynccontextmanager
async def live(endpoints: Endpoints) -> AsyncIterator[Live]:
    """A migrated system with its relay, for the length of the block."""
    settings = load_settings(kafka_bootstrap=endpoints.kafka.bootstrap, database_url=endpoints.database_url)
    generations = await migrate(settings, endpoints)
    stop, ready = asyncio.Event(), asyncio.Event()
    relay = asyncio.create_task(run_relay(endpoints.kafka, endpoints.database_url, stop, ready=ready.set))
    try:
        async with LogReader(endpoints.kafka) as reader, BatchWriter(endpoints.kafka) as writer:
            async with asyncio.timeout(PATIENCE_S):
                await ready.wait()
            system = Live(endpoints, generations, reader, writer)
            await system.begin()
            yield system
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await relay
