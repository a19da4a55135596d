"""How every long-running command runs: event loop, waiting for servers, SIGTERM and Ctrl-C, a file that says "ready".

Also makes the environment of a process that is started here, which tells it settings and addresses of servers.
"""

import asyncio
import json
import os
import resource
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
import uvloop

from services.concurrency import unless_set
from services.failures import Passing, Worded
from services.kafka import Cluster
from services.outage import until_stopped
from services.run.server_settings import PREFIX, SECRETS, text_of
from services.run.settings import Settings, load_settings
from services.run.stack import Endpoints, known_endpoints, known_kafka, known_postgres
from services.run.stack.supervise import stop_on_signals
from services.sight.port import open_port
from services.sight.pulse import PULSE
from services.sight.tracing import TRACES
from services.store.generations import NotMigratedError
from services.whole_file import write_whole

_log = structlog.get_logger(__name__)
#: More open files and sockets than any process of ours needs.
_FILES_MAX = 65_536


#: The addresses of the servers that a command needs; and a command.
_Servers = TypeVar("_Servers")
_C = TypeVar("_C", bound="_Command[Any]")


@dataclass(frozen=True, slots=True)
class _Command(ABC, Generic[_Servers]):
    """What the body of a command gets: settings, the servers that answered, and an event that tells it to stop.

    `ready_file`: the file to write once it is ready, if any; `port`: what that file says of the process's port.
    """

    settings: Settings
    servers: _Servers
    stop: asyncio.Event
    ready_file: Path | None = None
    port: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    @abstractmethod
    async def find(settings: Settings) -> _Servers:
        """Find the servers that the command needs. Raises: ExpectedFailure if one does not answer."""

    def ready(self, **facts: object) -> None:
        """Say that the command is ready. `facts`: what the ready file is to say besides the address of its port."""
        PULSE.begun()
        tell_ready(self.ready_file, {**facts, **self.port})


class Process(_Command[Endpoints]):
    """A command that needs Kafka and Postgres."""

    @staticmethod
    async def find(settings: Settings) -> Endpoints:
        """Kafka and Postgres, once both answer. Raises: ExpectedFailure."""
        return await known_endpoints(settings)

    @property
    def endpoints(self) -> Endpoints:
        """Where Kafka and Postgres answered."""
        return self.servers


class KafkaProcess(_Command[Cluster]):
    """A command that does not need Postgres: it does not wait for it, and no address of it needs to be given."""

    @staticmethod
    async def find(settings: Settings) -> Cluster:
        """Kafka, once it answers. Raises: ExpectedFailure."""
        return await known_kafka(settings)

    @property
    def kafka(self) -> Cluster:
        """The Kafka that answered, with what is needed to connect."""
        return self.servers


class PostgresProcess(_Command[str]):
    """A command that does not need Kafka."""

    @staticmethod
    async def find(settings: Settings) -> str:
        """The URL of Postgres, once it answers. Raises: ExpectedFailure."""
        return await known_postgres(settings)

    @property
    def database_url(self) -> str:
        """The URL of the Postgres that answered."""
        return self.servers


class NotYetMigratedError(Worded, Passing):
    """{why}; until then this process waits"""


def run_process(
    body: Callable[[Process], Awaitable[None]], ready_file: Path | None = None, *, seen_as: str | None = None
) -> None:
    """Run a command until it ends or is asked to stop. Raises: ExpectedFailure.

    When `body` calls `ready(**facts)`, the facts are written as JSON to `ready_file`, whole or not at all. `seen_as` is
    for commands that stay: the name of the process at its port for probes and metrics. With it, the command waits for
    servers that do not answer yet and for `trueup migrate`, so that processes may be started in any order.
    """
    _begin(Process, body, ready_file, seen_as)


def run_on_kafka(
    body: Callable[[KafkaProcess], Awaitable[None]], ready_file: Path | None = None, *, seen_as: str | None = None
) -> None:
    """Run a command that needs no Postgres, as `run_process` does. Raises: ExpectedFailure."""
    _begin(KafkaProcess, body, ready_file, seen_as)


def run_on_postgres(
    body: Callable[[PostgresProcess], Awaitable[None]], ready_file: Path | None = None, *, seen_as: str | None = None
) -> None:
    """Run a command that needs no Kafka, as `run_process` does. Raises: ExpectedFailure."""
    _begin(PostgresProcess, body, ready_file, seen_as)


def _begin(
    command: type[_C], body: Callable[[_C], Awaitable[None]], ready_file: Path | None, seen_as: str | None
) -> None:
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)  # left by an earlier run, it would make this one look ready
    raise_file_limit()
    uvloop.run(_run(command, body, ready_file, seen_as))


def raise_file_limit(wanted: int = _FILES_MAX) -> int | None:
    """Let this process open at least `wanted` files, or as many as the host allows: each waiting client needs one, and
    the usual limit of 1,024 is too low. Returns: the limit now; None if there is none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return None if soft == resource.RLIM_INFINITY else soft


async def _run(
    command: type[_C], body: Callable[[_C], Awaitable[None]], ready_file: Path | None, seen_as: str | None
) -> None:
    settings = load_settings()
    with _port(settings, seen_as) as port_facts, stop_on_signals(asyncio.Event()) as stop:
        given = None if seen_as else await command.find(settings)

        async def attempt() -> None:
            servers = given or await unless_set(stop, command.find(settings))
            if servers is None:
                return
            try:
                await body(command(settings, servers, stop, ready_file, port_facts))
            except NotMigratedError as error:
                if not seen_as:
                    raise
                raise NotYetMigratedError(why=error) from error

        await until_stopped(stop, "waits" if seen_as else "server_unavailable", attempt)


@contextmanager
def _port(settings: Settings, seen_as: str | None) -> Iterator[dict[str, str]]:
    """Open the port for probes and metrics for the length of the block, and begin traces, if the process has a name.

    Yields what its ready file says of the port.
    """
    if seen_as is None:
        yield {}
        return
    with open_port(seen_as, settings.sight_host, settings.sight_port, settings.sight_live_seconds) as url:
        _log.info("sight_listens", url=url)
        TRACES.begin(seen_as)
        try:
            yield {"sight": url}
        finally:
            TRACES.end()


def tell_ready(ready_file: Path | None, facts: dict[str, Any]) -> None:
    """Write the facts as JSON to `ready_file`, if any, whole or not at all."""
    if ready_file is None:
        return
    ready_file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(ready_file, json.dumps(facts))


#: A setting of glibc, which other C libraries ignore: freed blocks larger than this (bytes) go back to the system at
#: once. By default glibc raises the limit up to 32 MB, and keeps the memory in which ids were sorted: 46 bytes per id
#: instead of 18.
ALLOCATION = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20)}


def environment_of(settings: Settings, endpoints: Endpoints) -> dict[str, str]:
    """The environment for a process of ours: this process's, with all settings and the addresses of the servers.

    A secret from a file is given as the file's name, so a process that is started again reads the file again.
    """
    given = _told(settings)
    if settings.kafka_bootstrap is None:
        given["kafka_bootstrap"] = endpoints.kafka.bootstrap
    if settings.database_url is None:
        given["database_url"] = endpoints.database_url
    ours = {f"{PREFIX}{name.upper()}" for name in type(settings).model_fields}
    others = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    return ALLOCATION | others | {f"{PREFIX}{name.upper()}": value for name, value in given.items()}


def _told(settings: Settings) -> dict[str, str]:
    """The settings that were given, as texts, by field; without secrets that a file gives."""
    given = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is not None and not (name in SECRETS and getattr(settings, f"{name}_file") is not None):
            given[name] = text_of(value)
    return given
