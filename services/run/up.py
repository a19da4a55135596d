"""`trueup up`: the stack and the product's processes, started in order, kept running together, stopped together."""

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
from services.concurrency import cancel_all, heed_cancellation
from services.run.process import environment_of, tell_ready
from services.run.settings import Settings, load_settings
from services.run.stack import Endpoints, Stack, StackError
from services.run.stack.child import Command, log_tail
from services.run.stack.supervise import Keeper, Supervised, Supervisor, keep_all, stop_on_signals
from services.status.processes import told_in

T = TypeVar("T")

SERVICES = ("relay", "ingest", "projector", "api", "webhooks")
#: Runs besides where there is a key to sign with.
NOTARY = ("notary",)
START_SECONDS = 90.0
LOOK_SECONDS = 0.05
#: Setting of a port -> the part of a ready file that has the URL.
_PORTS = {"TRUEUP_API_PORT": "url", "TRUEUP_SIGHT_PORT": "sight"}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the running system answers: the ready file's JSON. `sight`: metrics and probes of each process."""

    api_url: str
    kafka_bootstrap: str
    database_url: str
    sight: dict[str, str]


class Service:
    """Start it, wait until it is ready or has ended. `log`: where its output goes; None shares this process's."""

    def __init__(
        self, name: str, settings: Settings, endpoints: Endpoints, supervisor: Supervisor, folder: Path, *, quiet: bool
    ) -> None:
        self.name = name
        self._settings, self._endpoints, self._supervisor = settings, endpoints, supervisor
        self._ready_file = folder / f"{name}.ready.json"
        self._log = folder / f"{name}.log" if quiet else None
        #: Of what the process said of its ports when it was ready last.
        self._ports: dict[str, str] = {}

    def begin(self) -> None:
        """Start its process."""
        self._ready_file.unlink(missing_ok=True)
        self._supervisor.start(self._command())

    async def ready(self) -> dict[str, Any]:
        """Wait until it is ready; returns what it says then. Raises: StackError if it ends or takes too long."""
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
        # Whoever was told its addresses finds it at them again after a restart.
        self._ports = {name: str(urlsplit(said[key]).port) for name, key in _PORTS.items() if key in said}
        return said

    async def start(self) -> None:
        """`begin` and `ready`, or nothing of it runs."""
        self.begin()
        try:
            await self.ready()
        except BaseException:
            await self._supervisor.kill(self.name)
            raise

    async def ended(self) -> str:
        """Wait until it ends by itself; returns how."""
        status = await self._supervisor.wait(self.name)
        return f"{self.name} ended by itself with status {status}{self._tail()}"

    @property
    def said(self) -> dict[str, Any]:
        """What it said when it was ready last."""
        said: dict[str, Any] = json.loads(self._ready_file.read_text())
        return said

    def _command(self) -> Command:
        """Told settings and the stack's addresses by its environment."""
        environment = environment_of(self._settings, self._endpoints) | {"TRUEUP_SIGHT_PORT": "0"} | self._ports
        argv = [sys.executable, "-m", "services.run.cli", self.name, "--ready-file", str(self._ready_file)]
        return Command(self.name, argv, environment, log=self._log)

    def _tail(self) -> str:
        return log_tail(self._log)


class System:
    """The product's processes on a stack that runs. Tests kill and restart single ones through `supervisor`.

    `stack_processes` are those parts of the stack that are ours: they are watched and kept running, too.
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
        #: What this machine's tools sign in with; known once it is migrated.
        self.keys: LocalKeys | None = None
        names = (*SERVICES, *NOTARY) if settings.checkpoint_secret else SERVICES
        self._services = {
            name: Service(name, settings, endpoints, self.supervisor, folder, quiet=quiet) for name in names
        }

    async def migrate(self) -> None:
        """Topics, schemas and read models are there and as they should be, and somebody can sign in."""
        from services.migrate.migrate import migrate

        await migrate(self.settings, self.endpoints)
        self.keys = await prepare_access(self.settings, self.endpoints.database_url)

    async def start(self, names: Iterable[str] | None = None) -> None:
        """Start these services, or all, and wait until each is ready. Raises: StackError naming one that is not."""
        starting = [self._services[name] for name in (self._services if names is None else names)]
        for service in starting:
            service.begin()
        async with _all_or_none([service.ready() for service in starting]) as ready:
            await asyncio.gather(*ready)

    async def keep_running(self) -> NoReturn:
        """Start again whatever ends, until cancelled. Raises: CannotStart."""
        parts = [Keeper(part) for part in self._stack_processes]
        await keep_all([*parts, *(Keeper(service, needs=parts) for service in self._services.values())])

    async def while_all_run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work; if a service or a part of the stack ends by itself meanwhile, the work is cancelled.

        Raises: StackError naming what ended.
        """
        started = self.supervisor.names
        running = [*self._stack_processes, *(service for name, service in self._services.items() if name in started)]
        async with _all_or_none([child.ended() for child in running]) as ends:
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
        """Where everything answers; the API's port is known once it is ready."""
        url, started = self._services["api"].said["url"], self.supervisor.names
        sight = {name: service.said["sight"] for name, service in self._services.items() if name in started}
        return Addresses(url, self.endpoints.kafka.bootstrap, self.endpoints.database_url, sight)


@contextlib.asynccontextmanager
async def _all_or_none(coroutines: Iterable[Coroutine[Any, Any, T]]) -> AsyncIterator[list[asyncio.Task[T]]]:
    """As tasks for the length of the block; those that have not ended by then are cancelled."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield tasks
    finally:
        await cancel_all(tasks)


@contextlib.asynccontextmanager
async def running_system(settings: Settings, *, quiet: bool = False) -> AsyncIterator[System]:
    """Stack, schema and all services for the length of a block. `quiet` sends the services' logs to files."""
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


async def run_system(settings: Settings, *, ready_file: Path | None) -> None:
    """Run until a signal; what ends by itself is started again. Raises: CannotStart; all others are ended first."""
    await until_asked_to_stop(_serve(settings, ready_file))


async def until_asked_to_stop(work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it ends or a signal comes; that cancels it wherever it is, and its blocks clean up."""
    with stop_on_signals(asyncio.Event()) as signalled:
        async with _all_or_none([signalled.wait()]) as stopping:
            working = asyncio.ensure_future(work)
            await asyncio.wait((working, *stopping), return_when=asyncio.FIRST_COMPLETED)
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


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
def up(port: int | None, ready_file: Path | None) -> None:
    """Run stack and all processes until Ctrl-C, the notary if there is a secret; prints addresses once all answer."""
    settings = load_settings() if port is None else load_settings(api_port=port)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
    uvloop.run(run_system(settings, ready_file=ready_file))
