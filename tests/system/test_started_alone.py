"""Nothing has to be started in any order: each process waits for whatever is not there yet, and says for whom."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from services.kafka import Cluster
from services.migrate.migrate import migrate
from services.run.process import environment_of
from services.run.settings import Settings, load_settings
from services.run.stack import Endpoints
from services.run.stack.child import Child, Command
from services.run.stack.kafka import EmbeddedKafka
from services.run.stack.postgres import EmbeddedPostgres
from services.run.stack.probe import free_ports
from services.run.up import SERVICES

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
#: What a signal may take, and a start on servers that are there. The latter is generous, for a machine that is busy.
END_SECONDS, READY_SECONDS = 5.0, 90.0
#: Who asks nothing of Kafka.
WITHOUT_KAFKA = frozenset({"webhooks"})


class Waiting:
    """The processes, on servers of which it is known only where they will answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kafka, self.postgres = EmbeddedKafka(folder / "kafka"), EmbeddedPostgres(folder / "postgres")
        self.kafka._ports = free_ports(self.kafka.port_count)
        bootstrap, url = f"127.0.0.1:{self.kafka._ports[0]}", self.postgres._url("trueup")
        self.endpoints = Endpoints(Cluster(bootstrap), url)
        self.settings: Settings = load_settings(
            home=folder, kafka_bootstrap=bootstrap, database_url=url, partitions=2, worker_session_ms=6000, api_port=0
        )
        self.running: dict[str, Child] = {}

    def begin(self, name: str) -> None:
        self._ready(name).unlink(missing_ok=True)
        self._log(name).unlink(missing_ok=True)
        argv = [sys.executable, "-m", "services.run.cli", name, "--ready-file", str(self._ready(name))]
        env = environment_of(self.settings, self.endpoints)
        self.running[name] = Child(Command(name, argv, env, log=self._log(name), grace_seconds=30))

    def _ready(self, name: str) -> Path:
        return self.folder / f"{name}.ready.json"

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def is_ready(self, name: str) -> bool:
        return self._ready(name).exists()

    async def said(self, name: str, *words: str, without: str = "\0") -> None:
        """It has said in a line of what it waits for all of these words, and not the other."""
        async with asyncio.timeout(READY_SECONDS):
            while True:
                with suppress(FileNotFoundError):
                    for line in self._log(name).read_text().splitlines():
                        if line.startswith("{") and json.loads(line)["event"] == "waits":
                            error = str(json.loads(line)["error"])
                            if all(word in error for word in words) and without not in error:
                                return
                assert self.running[name].returncode is None, self._log(name).read_text()
                await asyncio.sleep(0.1)

    async def ready(self, name: str) -> float:
        """In how many seconds."""
        begun = time.monotonic()
        async with asyncio.timeout(READY_SECONDS):
            while not self.is_ready(name):
                assert self.running[name].returncode is None, self._log(name).read_text()
                await asyncio.sleep(0.02)
        return time.monotonic() - begun

    async def end(self, name: str) -> float:
        """By SIGTERM; in how many seconds it has ended, and well."""
        begun = time.monotonic()
        assert await self.running.pop(name).stop() == 0, self._log(name).read_text()
        return time.monotonic() - begun

    async def kill(self) -> None:
        for child in self.running.values():
            await child.kill()
        await asyncio.gather(self.kafka.stop(), self.postgres.stop())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def waiting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Waiting]:
    found = Waiting(tmp_path_factory.mktemp("alone"))
    try:
        yield found
    finally:
        await found.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nowhere(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Waiting]:
    """Where no server ever answers all have begun: each says so after eight seconds, and they pass together."""
    found = Waiting(tmp_path_factory.mktemp("nowhere"))
    for name in SERVICES:
        found.begin(name)
    try:
        yield found
    finally:
        await found.kill()


async def test_each_waits_for_servers_and_for_the_migration_and_says_so(waiting: Waiting) -> None:
    for name in SERVICES:
        waiting.begin(name)
    kafka, postgres = f"Kafka at {waiting.endpoints.kafka} does not answer", "does not answer: tried SELECT 1"
    for name in SERVICES:
        await waiting.said(name, *([] if name in WITHOUT_KAFKA else [kafka]), "Postgres at", postgres)
    await waiting.postgres.start()
    for name in set(SERVICES) - WITHOUT_KAFKA:
        await waiting.said(name, kafka, without="Postgres")
    await waiting.kafka.start()
    for name in SERVICES:
        await waiting.said(name, "run `trueup migrate` first; until then this process waits")
        assert not waiting.is_ready(name)
    await migrate(waiting.settings, waiting.endpoints)
    for name in SERVICES:
        await waiting.ready(name)
    for name in SERVICES:
        assert await waiting.end(name) < END_SECONDS


@pytest.mark.parametrize("name", SERVICES)
async def test_each_is_ready_alone_and_ends_when_asked(waiting: Waiting, name: str) -> None:
    waiting.begin(name)
    await waiting.ready(name)
    assert await waiting.end(name) < END_SECONDS


@pytest.mark.parametrize("name", SERVICES)
async def test_each_ends_also_while_it_waits(nowhere: Waiting, name: str) -> None:
    await nowhere.said(name, *([] if name in WITHOUT_KAFKA else ["Kafka at"]), "Postgres at")
    assert await nowhere.end(name) < END_SECONDS
