"""A whole system in the test's own process, which can lose what its servers lose, and the commands that mend it."""

import asyncio
import os
import shutil
from collections.abc import Coroutine
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, NewTopic, RecordsToDelete
from aiokafka.errors import NotLeaderForPartitionError

from events.topics import TOPICS
from services.api.app import create_app
from services.api.cli import bind, server_of
from services.erasure.operators_key import keyring_of
from services.ingest.cli import run_ingest
from services.kafka import BatchWriter, Cluster, LogReader, Record, new_admin
from services.migrate.migrate import migrate
from services.migrate.topic_settings import config_of
from services.projector.cli import run_projector
from services.relay.cli import run_relay
from services.run.settings import Settings
from services.run.stack import Endpoints, Stack
from tests.api_client import TOKEN_SECRET
from tests.forked import trueup
from tests.system.sharing import administer, database_of, environment_at
from tests.system.story import Left, Wire, left_by, settled
from tests.whereabouts import everybodys

PATIENCE_S = 90.0
ALL = ("api", "relay", "ingest", "projector")


class Home:
    """An installation; `start` and `stop` are of the product's workers, which run as tasks."""

    def __init__(self, settings: Settings, stack: Stack, endpoints: Endpoints) -> None:
        self.settings, self.stack, self.endpoints = settings, stack, endpoints
        self.url = ""
        self._stop = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def cluster(self) -> Cluster:
        return self.endpoints.kafka

    @property
    def database_url(self) -> str:
        return self.endpoints.database_url

    async def migrate(self, **options: Any) -> None:
        await migrate(self.settings, self.endpoints, **options)

    # Workers.

    async def start(self, *names: str) -> None:
        """Start these workers (all, if none is named) and wait until each is ready or has ended."""
        for name in names or ALL:
            ready = asyncio.Event()
            task = self._tasks[name] = asyncio.create_task(self._work(name, ready))
            waiting = asyncio.create_task(ready.wait())
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()

    def _work(self, name: str, ready: asyncio.Event) -> Coroutine[Any, Any, None]:
        match name:
            case "relay":
                return run_relay(self.cluster, self.database_url, self._stop, ready=ready.set)
            case "ingest":
                keyring = keyring_of(self.settings)
                return run_ingest(self.endpoints, self._stop, ready=ready.set, session_ms=6_000, keyring=keyring)
            case "projector":
                return run_projector(self.cluster, self.database_url, self._stop, ready=ready.set)
            case _:
                return self._serve(ready)

    async def _serve(self, ready: asyncio.Event) -> None:
        with bind("127.0.0.1", 0) as bound:
            self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            keyring = keyring_of(self.settings)
            app = create_app(self.database_url, self.cluster, token_secret=TOKEN_SECRET, keyring=keyring)
            server = server_of(app)
            serving = asyncio.create_task(server.serve(sockets=[bound]))
            while not server.started and not serving.done():
                await asyncio.sleep(0.01)
            ready.set()
            await self._stop.wait()
            server.should_exit = True
            await serving

    async def ended(self, name: str) -> BaseException | None:
        """Wait until a worker ends by itself; returns what ended it."""
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait((self._tasks[name],))
        return self._tasks.pop(name).exception()

    async def stop(self) -> list[BaseException]:
        """Stop all workers; returns what those that had ended by themselves ended with. Fails if one goes on."""
        self._stop.set()
        tasks, self._tasks, self._stop = self._tasks, {}, asyncio.Event()
        if tasks:
            await asyncio.wait(tasks.values(), timeout=PATIENCE_S)
        going_on = [name for name, task in tasks.items() if not task.done()]
        where = everybodys() if going_on else ""
        for task in tasks.values():
            task.cancel()  # who goes on is not to work beside the tests behind
        assert not going_on, f"{going_on} did not stop; where tasks wait:\n{where}"
        outcomes = await asyncio.gather(*tasks.values(), return_exceptions=True)
        return [outcome for outcome in outcomes if isinstance(outcome, BaseException)]

    # The load of tests/system/story.py.

    def wire(self, organization: str) -> Wire:
        return Wire(lambda: self.url, organization)

    async def settled(self) -> None:
        """Wait until all that is there is projected and settled."""
        await settled(self.endpoints)

    async def left(self, wire: Wire) -> Left:
        """What the organization's load has left, once all of it is projected."""
        await self.settled()
        return await left_by(self.database_url, wire)

    # What operators do.

    async def trueup(self, *arguments: str) -> tuple[int, str]:
        """Run the command line; returns its status and what it said."""
        environment = os.environ | environment_at(self.endpoints)
        environment["TRUEUP_HOME"] = str(self.settings.home)
        environment["TRUEUP_PARTITIONS"] = str(self.settings.partitions)
        environment["TRUEUP_MAX_RECORD_BYTES"] = str(self.settings.max_record_bytes)
        status, out, err = await trueup(*arguments, environment=environment, timeout_s=PATIENCE_S)
        return status, out + err

    # What servers lose.

    async def lose_postgres(self) -> None:
        """The database is gone, with everybody's connections; an empty one takes its place."""
        name = database_of(self.endpoints)
        await administer(self.database_url, f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name}")

    async def save_postgres(self) -> None:
        """A backup; nobody may be connected."""
        name = database_of(self.endpoints)
        drop, copy = f"DROP DATABASE IF EXISTS {name}_saved", f"CREATE DATABASE {name}_saved TEMPLATE {name}"
        await administer(self.database_url, drop, copy)

    async def restore_postgres(self) -> None:
        """The backup takes the database's place."""
        name = database_of(self.endpoints)
        drop, copy = f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {name}_saved"
        await administer(self.database_url, drop, copy)

    # What a broker loses; only on a stack that may be broken.

    async def save_kafka(self) -> None:
        """A copy of the broker's data, as it stands now."""
        await self._swap_kafka("data", "saved")

    async def restore_kafka(self) -> None:
        """The copy takes the data's place."""
        await self._swap_kafka("saved", "data")

    async def _swap_kafka(self, source: str, target: str) -> None:
        broker, folder = self.stack._kafka, self.stack.home / "kafka"
        assert broker is not None
        await broker.stop()
        shutil.rmtree(folder / target, ignore_errors=True)
        shutil.copytree(folder / source, folder / target)
        await broker.start()

    async def lose_kafka(self) -> None:
        """All of the broker's data is gone; an empty one takes its place."""
        await self._lose("data")

    async def lose_partitions(self, *partitions: str) -> None:
        """The disks of these (`topic-number`) are gone, and the broker goes on without."""
        await self._lose(*(f"data/{self.cluster.topic(partition)}" for partition in partitions))

    async def _lose(self, *folders: str) -> None:
        broker = self.stack._kafka
        assert broker is not None
        await broker.stop()
        for folder in folders:
            shutil.rmtree(self.stack.home / "kafka" / folder)
        await broker.start()

    async def delete_topic(self, topic: str) -> None:
        """And wait until the broker has done it."""
        name = self.cluster.topic(topic)
        await self._admin(lambda admin: admin.delete_topics([name], timeout_ms=30_000))
        async with asyncio.timeout(PATIENCE_S):
            while name in await self._admin(lambda admin: admin.list_topics()):
                await asyncio.sleep(0.1)

    async def make_topic(self, topic: str, partitions: int | None = None, config: dict[str, str] | None = None) -> None:
        """As an operator makes it by hand, with our settings if no others are given."""
        ours = config_of(
            next(declared for declared in TOPICS if declared.name == topic), 1, self.settings.max_record_bytes
        )
        new = NewTopic(
            self.cluster.topic(topic), partitions or self.settings.partitions, 1, topic_configs=config or ours
        )
        await self._admin(lambda admin: admin.create_topics([new], timeout_ms=30_000))

    async def delete_before(self, topic: str, offsets: dict[int, int]) -> None:
        """Delete the records of each partition that stand before an offset, as retention does."""
        name = self.cluster.topic(topic)
        wanted = {TopicPartition(name, partition): RecordsToDelete(offset) for partition, offset in offsets.items()}
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self._admin(lambda admin: admin.delete_records(wanted, timeout_ms=30_000))
                    return
                except NotLeaderForPartitionError:  # a broker that has just begun
                    await asyncio.sleep(0.1)

    async def add_partitions(self, topic: str, count: int) -> None:
        wanted = {self.cluster.topic(topic): NewPartitions(count)}
        await self._admin(lambda admin: admin.create_partitions(wanted, timeout_ms=30_000))

    async def _admin(self, ask: Any) -> Any:
        admin = new_admin(self.cluster)
        await admin.start()
        try:
            return await ask(admin)
        finally:
            await admin.close()

    async def ends(self, topic: str) -> dict[int, int]:
        async with LogReader(self.cluster) as reader:
            return await reader.end_offsets(topic, range(self.settings.partitions))

    async def values(self, topic: str) -> dict[int, list[bytes]]:
        """Every record's value, by partition."""
        found: dict[int, list[bytes]] = {}
        async with LogReader(self.cluster) as reader:
            for partition, end in (await reader.end_offsets(topic, range(self.settings.partitions))).items():
                async for records in reader.read(topic, partition, 0, end):
                    found.setdefault(partition, []).extend(record.value for record in records)
        return found

    async def append(self, topic: str, partition: int, *values: bytes | None) -> int:
        """Write records as a stranger would; returns the offset of the first."""
        async with BatchWriter(self.cluster) as writer:
            records = [Record(None, value or b"") for value in values]
            return (await writer.append(topic, partition, records))[0].base
