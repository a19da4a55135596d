"""The stack and the product's processes, started in order, watched together, stopped together."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import click

from services.process import tell_ready
from services.settings import Settings
from services.stack import Endpoints, Stack, StackError
from services.stack.child import Command
from services.stack.supervise import LOOK_SECONDS, Supervisor, stop_on_signals

T = TypeVar("T")

SERVICES = ("relay", "ingest", "projector", "api")
START_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the running system answers: the ready file's JSON."""

    api_url: str
    kafka_bootstrap: str
    database_url: str


def service_command(
    name: str, settings: Settings, endpoints: Endpoints, ready: Path, log: Path | None = None
) -> Command:
    """The command line of one service of this system, told the stack's addresses by its environment."""
    environment = os.environ | {
        "TRUEUP_KAFKA_BOOTSTRAP": endpoints.kafka_bootstrap,
        "TRUEUP_DATABASE_URL": endpoints.database_url,
        "TRUEUP_LOG_LEVEL": settings.log_level,
        "TRUEUP_PARTITIONS": str(settings.partitions),
        "TRUEUP_WORKER_SESSION_MS": str(settings.worker_session_ms),
        "TRUEUP_API_PORT": str(settings.api_port),
        "TRUEUP_API_HOST": settings.api_host,
    }
    argv = [sys.executable, "-m", "services.cli", name, "--ready-file", str(ready)]
    return Command(name, argv, environment, log=log)


class System:
    """The product's processes on a stack that runs. Tests kill and restart single ones through `supervisor`."""

    def __init__(
        self,
        settings: Settings,
        endpoints: Endpoints,
        folder: Path,
        *,
        quiet: bool = False,
        stack_fault: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.settings, self.endpoints = settings, endpoints
        self._stack_fault = stack_fault
        self.supervisor = Supervisor()
        self._folder, self._quiet = folder, quiet

    def _ready_file(self, name: str) -> Path:
        return self._folder / f"{name}.ready.json"

    async def migrate(self) -> None:
        """Topics, schemas and read models are there and as they should be."""
        from services.migrate.migrate import migrate

        await migrate(self.settings, self.endpoints)

    async def start(self, names: tuple[str, ...] = SERVICES) -> None:
        """Start these services and wait until each says that it is ready. Raises: StackError naming one that is not."""
        for name in names:
            self._ready_file(name).unlink(missing_ok=True)
            log = self._folder / f"{name}.log" if self._quiet else None
            self.supervisor.start(service_command(name, self.settings, self.endpoints, self._ready_file(name), log))
        for name in names:
            await self._until_ready(name)

    async def _until_ready(self, name: str) -> None:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not self._ready_file(name).exists():
            if (ended := self.supervisor.ended()) is not None:
                tail = self._tail(ended.command.name)
                raise StackError(f"{ended.command.name} ended at its start with status {ended.returncode}{tail}")
            if asyncio.get_running_loop().time() > deadline:
                raise StackError(f"{name} was not ready within {START_SECONDS:.0f} s{self._tail(name)}")
            await asyncio.sleep(LOOK_SECONDS)

    def _tail(self, name: str) -> str:
        from services.stack.child import log_tail

        return log_tail(self._folder / f"{name}.log") if self._quiet else ""

    async def while_all_run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work; if a service or a part of the stack ends by itself meanwhile, the work is cancelled.

        Raises: StackError naming what ended.
        """
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                if (ended := self.supervisor.ended()) is not None:
                    name, status = ended.command.name, ended.returncode
                    raise StackError(f"{name} ended by itself with status {status}{self._tail(name)}")
                if (fault := self._stack_fault()) is not None:
                    raise StackError(fault)
                await asyncio.wait((task,), timeout=LOOK_SECONDS)
            return task.result()
        finally:
            task.cancel()

    @property
    def addresses(self) -> Addresses:
        """Where everything answers; the API's port is known once it is ready."""
        api = json.loads(self._ready_file("api").read_text())
        return Addresses(api["url"], self.endpoints.kafka_bootstrap, self.endpoints.database_url)


@contextlib.asynccontextmanager
async def running_system(settings: Settings, *, quiet: bool = False) -> AsyncIterator[System]:
    """Stack, schema and all services for the length of a block. `quiet` sends the services' logs to files."""
    stack = Stack(settings)
    with TemporaryDirectory(prefix="trueup-") as folder:
        try:
            endpoints = await stack.start()
            system = System(settings, endpoints, Path(folder), quiet=quiet, stack_fault=stack.fault)
            try:
                await system.migrate()
                await system.start()
                yield system
            finally:
                await system.supervisor.stop_all()
        finally:
            await stack.stop()


async def run_system(settings: Settings, *, ready_file: Path | None) -> None:
    """Run until a signal. Raises: StackError if a service ends by itself; the others are ended first."""
    with stop_on_signals(asyncio.Event()) as asked:
        serving = asyncio.ensure_future(_serve(settings, ready_file))
        stopping = asyncio.ensure_future(asked.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        # Cancelling ends the start-up or the watch wherever it is; the context managers stop what had been started.
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


async def _serve(settings: Settings, ready_file: Path | None) -> None:
    async with running_system(settings) as system:
        tell_ready(ready_file, asdict(system.addresses))
        click.echo(f"api       {system.addresses.api_url}\nkafka     {system.addresses.kafka_bootstrap}")
        click.echo(f"postgres  {system.addresses.database_url}")
        await system.while_all_run(asyncio.Event().wait())
