"""Chooses for Kafka and Postgres whether each is given, in Docker or embedded. No other module knows which it is."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from pathlib import Path

from services.concurrency import cancel_all
from services.kafka import Cluster
from services.run.cluster import cluster_at
from services.run.settings import Settings
from services.run.stack.docker import docker_kafka, docker_postgres
from services.run.stack.faults import NoAnswer, StackError
from services.run.stack.kafka import EmbeddedKafka
from services.run.stack.locks import FileLock, hold_home
from services.run.stack.part import EmbeddedPart, Endpoints, GivenPart, StackPart, away
from services.run.stack.postgres import EmbeddedPostgres
from services.run.stack.probe import kafka_answers, postgres_answers
from services.run.stack.supervise import Supervised
from services.whole_file import write_whole

ADDRESSES = "stack.json"
TOGETHER_SECONDS = 1.0


class Stack:
    """Kafka and Postgres of one TRUEUP_HOME. Call `start` first, and `stop` in any case; `stop` may be called twice."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.home = settings.home.expanduser().absolute()
        self._endpoints: Endpoints | None = None
        self._lock: FileLock | None = None
        self._kafka: StackPart | None = None
        self._postgres: StackPart | None = None

    @property
    def endpoints(self) -> Endpoints:
        """The addresses of both; they stay the same for the life of this object, over restarts, too."""
        if self._endpoints is None:
            raise StackError("the stack has not been started")
        return self._endpoints

    async def start(self) -> Endpoints:
        """Start both parts side by side. On any failure, or when cancelled, nothing is left running.

        Raises: HomeInUse, StackError.
        """
        try:
            if self._needs_home():
                self._lock = await hold_home(self.home)
            self._kafka, self._postgres = self._choose()
            bootstrap, url = await _both(self._kafka.start(), self._postgres.start())
        except BaseException:
            await self.stop()
            raise
        self._endpoints = Endpoints(cluster_at(bootstrap, self.settings), url)
        if self._lock:
            # A given address of Postgres may have a password in it.
            addresses = {"kafka_bootstrap": bootstrap, "database_url": url}
            write_whole(_addresses(self.home), json.dumps(addresses), 0o600)
        return self._endpoints

    async def stop(self) -> None:
        """End what is ours, cleanly, and release the home's lock. The data stay."""
        try:
            await asyncio.gather(*(part.stop() for part in (self._kafka, self._postgres) if part))
        finally:
            self._let_go()

    async def kill(self) -> None:
        """End both parts as a power cut would end their processes. Raises: NotOurs."""
        try:
            await asyncio.gather(*(part.kill() for part in (self._kafka, self._postgres) if part))
        finally:
            self._let_go()

    @property
    def processes(self) -> list[Supervised]:
        """The parts that run as child processes, and so are ours to restart."""
        return [part for part in (self._kafka, self._postgres) if isinstance(part, EmbeddedPart)]

    async def restart_kafka(self, *, crash: bool = False) -> None:
        """End Kafka (by SIGKILL if `crash`) and start it again: same address, same data. Raises: NotOurs."""
        async with self.without_kafka(crash=crash):
            pass

    async def restart_postgres(self, *, crash: bool = False) -> None:
        """End Postgres (by SIGKILL if `crash`) and start it again: same address, same data. Raises: NotOurs."""
        async with self.without_postgres(crash=crash):
            pass

    def without_kafka(self, *, crash: bool = False) -> contextlib.AbstractAsyncContextManager[None]:
        """End Kafka as `restart_kafka` does; it is away during the block, and started at its end."""
        return away(self._kafka, "Kafka", crash)

    def without_postgres(self, *, crash: bool = False) -> contextlib.AbstractAsyncContextManager[None]:
        """End Postgres as `restart_postgres` does; it is away during the block, and started at its end."""
        return away(self._postgres, "Postgres", crash)

    def _needs_home(self) -> bool:
        given = self.settings.kafka_bootstrap and self.settings.database_url
        return not given and self.settings.test_stack == "embedded"

    def _choose(self) -> tuple[StackPart, StackPart]:
        lock_files = (self._lock.fd,) if self._lock else ()
        kafka: StackPart
        postgres: StackPart
        if self.settings.kafka_bootstrap:
            kafka = _given_kafka(cluster_at(self.settings.kafka_bootstrap, self.settings))
        elif self.settings.test_stack == "docker":
            kafka = docker_kafka()
        else:
            kafka = EmbeddedKafka(self.home / "kafka", lock_files)
        if self.settings.postgres:
            postgres = _given_postgres(self.settings.postgres)
        elif self.settings.test_stack == "docker":
            postgres = docker_postgres()
        else:
            postgres = EmbeddedPostgres(self.home / "postgres", lock_files)
        return kafka, postgres

    def _let_go(self) -> None:
        if self._lock:
            _addresses(self.home).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None


@contextlib.asynccontextmanager
async def running_stack(settings: Settings) -> AsyncIterator[Endpoints]:
    """Kafka and Postgres, started for the length of a block: `async with running_stack(settings) as endpoints`.

    Raises: HomeInUse, StackError.
    """
    stack = Stack(settings)
    endpoints = await stack.start()
    try:
        yield endpoints
    finally:
        await stack.stop()


async def known_endpoints(settings: Settings) -> Endpoints:
    """The addresses for a command that starts no servers: the given ones, else those of a stack running in this home.

    Raises: StackError if an address is missing or a server does not let us in; NoAnswer if one does not answer.
    """
    servers = told_endpoints(settings)
    await _both(_given_kafka(servers.kafka).start(), _given_postgres(servers.database_url).start())
    return servers


async def known_kafka(settings: Settings) -> Cluster:
    """Kafka alone, once it answers, for a command that does not need Postgres. Raises: as `known_endpoints`."""
    cluster = told_kafka(settings)
    await _given_kafka(cluster).start()
    return cluster


async def known_postgres(settings: Settings) -> str:
    """The URL of Postgres, once it answers, for a command that does not need Kafka. Raises: as `known_endpoints`."""
    url = settings.postgres or _running(settings).get("database_url")
    if not url:
        raise _missing(settings, "DATABASE_URL")
    await _given_postgres(url).start()
    return url


def told_kafka(settings: Settings) -> Cluster:
    """Kafka as the settings, or a stack running in this home, name it, whether or not it answers.

    Raises: StackError if neither names it.
    """
    bootstrap = settings.kafka_bootstrap or _running(settings).get("kafka_bootstrap")
    if not bootstrap:
        raise _missing(settings, "KAFKA_BOOTSTRAP")
    return cluster_at(bootstrap, settings)


def told_endpoints(settings: Settings) -> Endpoints:
    """Kafka and Postgres as the settings, or a stack running in this home, name them, whether or not they answer.

    Raises: StackError if neither names one of them.
    """
    there = _running(settings)
    bootstrap = settings.kafka_bootstrap or there.get("kafka_bootstrap")
    url = settings.postgres or there.get("database_url")
    if not bootstrap or not url:
        endpoints = ("KAFKA_BOOTSTRAP", bootstrap), ("DATABASE_URL", url)
        raise _missing(settings, *(name for name, value in endpoints if not value))
    return Endpoints(cluster_at(bootstrap, settings), url)


def _running(settings: Settings) -> dict[str, str]:
    """The addresses that a stack of this user's running in this home has written down; empty if none runs."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError, ValueError, TypeError):
        return dict(json.loads(_addresses(settings.home.expanduser().absolute()).read_text()))
    return {}


def _missing(settings: Settings, *names: str) -> StackError:
    addresses = " and ".join(f"TRUEUP_{name}" for name in names)
    remedy = f"start one with `trueup up` (`trueup up --servers-only` for commands that mend), or set {addresses}"
    return StackError(f"no stack runs in TRUEUP_HOME {settings.home}: {remedy}")


def _given_kafka(cluster: Cluster) -> GivenPart:
    return GivenPart("Kafka", cluster.bootstrap, partial(kafka_answers, cluster))


def _given_postgres(url: str) -> GivenPart:
    return GivenPart("Postgres", url, partial(postgres_answers, url))


async def _both(*starts: Coroutine[None, None, str]) -> tuple[str, str]:
    """Run both starts. When one fails, the other gets a moment to fail, too, so that both errors are reported together;
    then it is cancelled and awaited, so that nothing goes on starting. Raises: StackError, with all that failed.
    """
    tasks = [asyncio.ensure_future(start) for start in starts]
    try:
        _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        if pending:
            await asyncio.wait(pending, timeout=TOGETHER_SECONDS)
    finally:
        await cancel_all(tasks)
    faults = [fault for task in tasks if not task.cancelled() and (fault := task.exception()) is not None]
    for fault in faults:
        if not isinstance(fault, StackError):
            raise fault
    if faults:
        passes = all(isinstance(fault, NoAnswer) for fault in faults)
        raise (NoAnswer if passes else StackError)("\n".join(map(str, faults)))
    return tasks[0].result(), tasks[1].result()


def _addresses(home: Path) -> Path:
    return home / ADDRESSES
