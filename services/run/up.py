"""`trueup up`: starts Kafka, Postgres and the product's processes in order, keeps them running, stops them together."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import click
import uvloop

from services.access.local import LocalKeys, prepare_access, told
from services.concurrency import all_or_none, heed_cancellation
from services.run.process import environment_of, tell_ready
from services.run.settings import Settings, load_settings
from services.run.stack import Endpoints, Stack, StackError
from services.run.stack.child import Command, log_tail
from services.run.stack.supervise import Keeper, Supervised, Supervisor, keep_all, until_asked_to_stop
from services.status.processes import told_in

T = TypeVar("T")

SERVICES = ("relay", "ingest", "projector", "api", "webhooks")
#: Runs, too, if there is a secret to sign with.
NOTARY = ("notary",)
#: A process that ends by itself is noticed at once. Ingest reads the directory before it is ready: a minute and a half
#: of a core with a million accounts.
START_SECONDS = 600.0
LOOK_SECONDS = 0.05
#: Setting of a port -> member of the ready file that has the URL with that port.
_PORTS = {"TRUEUP_API_PORT": "url", "TRUEUP_SIGHT_PORT": "sight"}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of the running system, as the ready file has them. `sight`: URL for metrics and probes, by process."""

    api_url: str
    kafka_bootstrap: str
    database_url: str
    sight: dict[str, str]


class Service:
    """One process of the product. `quiet`: its output goes to a file in `folder`, else to this process's output."""

    def __init__(
        self, name: str, settings: Settings, endpoints: Endpoints, supervisor: Supervisor, folder: Path, *, quiet: bool
    ) -> None:
        self.name = name
        self._settings, self._endpoints, self._supervisor = settings, endpoints, supervisor
        self._ready_file = folder / f"{name}.ready.json"
        self._log = folder / f"{name}.log" if quiet else None
        #: The ports on which the process listened when it was last ready, by setting.
        self._ports: dict[str, str] = {}

    def begin(self) -> None:
        """Start the process, without waiting until it is ready."""
        self._ready_file.unlink(missing_ok=True)
        self._supervisor.start(self._command())

    async def ready(self) -> dict[str, Any]:
        """Wait until it is ready; returns its ready file. Raises: StackError if it ends or takes too long."""
        ending = asyncio.ensure_future(self._supervisor.wait(self.name))
        try:
            async with asyncio.timeout(START_SECONDS):
                while not self._ready_file.exists():
                    await asyncio.wait((ending,), timeout=LOOK_SECONDS)
                    if ending.done():
                        raise StackError(f"{self.name} ended at its start with status {ending.result()}{self._tail()}")
        except TimeoutError:
            raise StackError(f"{self.name} was not ready within {START_SECONDS:.0f} s{self._tail()}") from None
        finally:
            ending.cancel()
        said: dict[str, Any] = json.loads(self._ready_file.read_text())
        # After a restart it listens on the same ports, so addresses that were given to others stay right.
        self._ports = {name: str(urlsplit(said[key]).port) for name, key in _PORTS.items() if key in said}
        return said

    async def start(self) -> None:
        """Start the process and wait until it is ready; if that fails it is killed. Raises: StackError."""
        self.begin()
        try:
            await self.ready()
        except BaseException:
            await self._supervisor.kill(self.name)
            raise

    async def ended(self) -> str:
        """Wait until it ends by itself; returns a sentence that names it and its status."""
        status = await self._supervisor.wait(self.name)
        return f"{self.name} ended by itself with status {status}{self._tail()}"

    @property
    def said(self) -> dict[str, Any]:
        """The content of its ready file, from when it was last ready."""
        said: dict[str, Any] = json.loads(self._ready_file.read_text())
        return said

    def _command(self) -> Command:
        """The command to run; settings and addresses of servers are in its environment."""
        environment = environment_of(self._settings, self._endpoints) | {"TRUEUP_SIGHT_PORT": "0"} | self._ports
        argv = [sys.executable, "-m", "services.run.cli", self.name, "--ready-file", str(self._ready_file)]
        return Command(self.name, argv, environment, log=self._log)

    def _tail(self) -> str:
        return log_tail(self._log)


class System:
    """The product's processes, on a Kafka and Postgres that run. Tests kill and restart single ones by `supervisor`.

    `stack_processes`: Kafka and Postgres, if they are child processes: they are watched and kept running, too.
    """

    def __init__(
        self,
        settings: Settings,
        endpoints: Endpoints,
        folder: Path,
        *,
        quiet: bool = False,
        stack_processes: Sequence[Supervised] = (),
        supervisor: Supervisor | None = None,
    ) -> None:
        self.settings, self.endpoints = settings, endpoints
        self.supervisor = supervisor or Supervisor()
        self._stack_processes = stack_processes
        #: The access keys of this machine's tools; set by `migrate`.
        self.keys: LocalKeys | None = None
        names = (*SERVICES, *NOTARY) if settings.checkpoint_secret else SERVICES
        self._services = {
            name: Service(name, settings, endpoints, self.supervisor, folder, quiet=quiet) for name in names
        }

    async def migrate(self) -> None:
        """Do what `trueup migrate` does, and make access keys for this machine if the API listens on loopback only."""
        from services.migrate.migrate import migrate

        await migrate(self.settings, self.endpoints)
        self.keys = await prepare_access(self.settings, self.endpoints.database_url)

    async def start(self, names: Iterable[str] | None = None) -> None:
        """Start these services, or all, and wait until all are ready. Raises: StackError, naming one that is not."""
        starting = [self._services[name] for name in (self._services if names is None else names)]
        for service in starting:
            service.begin()
        async with all_or_none([service.ready() for service in starting]) as ready:
            await asyncio.gather(*ready)

    async def keep_running(self) -> NoReturn:
        """Until cancelled, start again whatever ends. Raises: CannotStart if something fails at several starts."""
        parts = [Keeper(part) for part in self._stack_processes]
        await keep_all([*parts, *(Keeper(service, needs=parts) for service in self._services.values())])

    async def while_all_run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, and return its result. If a service, Kafka or Postgres ends by itself meanwhile, the work is
        cancelled. Raises: StackError, naming what ended.
        """
        started = self.supervisor.names
        running = [*self._stack_processes, *(service for name, service in self._services.items() if name in started)]
        async with all_or_none([child.ended() for child in running]) as ends:
            task = asyncio.ensure_future(work)
            try:
                await asyncio.wait((task, *ends), return_when=asyncio.FIRST_COMPLETED)
                for end in ends:
                    if end.done() and not task.done():
                        raise StackError(end.result())
                return await task
            finally:
                task.cancel()

    @property
    def addresses(self) -> Addresses:
        """The addresses of everything that was started. The API must be ready: its port is known only then."""
        url, started = self._services["api"].said["url"], self.supervisor.names
        sight = {name: service.said["sight"] for name, service in self._services.items() if name in started}
        return Addresses(url, self.endpoints.kafka.bootstrap, self.endpoints.database_url, sight)


@contextlib.asynccontextmanager
async def running_system(settings: Settings, *, quiet: bool = False) -> AsyncIterator[System]:
    """Kafka, Postgres and all services, running and migrated, for the length of a block. `quiet`: as for Service."""
    stack = Stack(settings)
    with TemporaryDirectory(prefix="trueup-") as folder:
        try:
            endpoints = await stack.start()
            system = System(settings, endpoints, Path(folder), quiet=quiet, stack_processes=stack.processes)
            try:
                await system.migrate()
                await system.start()
                heed_cancellation()
                yield system
            finally:
                await system.supervisor.stop_all()
        finally:
            await stack.stop()


async def run_system(settings: Settings, *, ready_file: Path | None, servers_only: bool) -> None:
    """Run everything, or Kafka and Postgres alone, until a signal, restarting what ends by itself.

    Raises: CannotStart, once all else is stopped.
    """
    await until_asked_to_stop((_serve_servers if servers_only else _serve)(settings, ready_file))


async def _serve_servers(settings: Settings, ready_file: Path | None) -> None:
    stack = Stack(settings)
    try:
        endpoints = await stack.start()
        if not stack.processes:
            raise StackError("Kafka and Postgres are given by their addresses: they are not started here")
        kafka, postgres = endpoints.kafka.bootstrap, endpoints.database_url
        tell_ready(ready_file, {"kafka_bootstrap": kafka, "database_url": postgres})
        click.echo(f"kafka     {kafka}\npostgres  {postgres}\nnothing else runs: now run what mends them, beside this")
        await keep_all(list(map(Keeper, stack.processes)))
    finally:
        await stack.stop()


async def _serve(settings: Settings, ready_file: Path | None) -> None:
    async with running_system(settings) as system:
        tell_ready(ready_file, asdict(system.addresses))
        addresses = system.addresses
        click.echo(
            f"api       {addresses.api_url}\nkafka     {addresses.kafka_bootstrap}\npostgres  {addresses.database_url}"
        )
        click.echo(told(system.keys, addresses.api_url), nl=False)
        with told_in(settings.home, addresses.sight):
            await system.keep_running()


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the API; 0 takes a free one.")
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="JSON addresses, once all answer.")
@click.option("--servers-only", is_flag=True, help="Kafka and Postgres alone, for `trueup rebuild-store` and the like.")
def up(port: int | None, ready_file: Path | None, servers_only: bool) -> None:
    """Run stack and all processes until Ctrl-C, the notary if there is a secret; prints addresses once all answer."""
    settings = load_settings() if port is None else load_settings(api_port=port)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
    uvloop.run(run_system(settings, ready_file=ready_file, servers_only=servers_only))
