"""Processes of two releases side by side: several of each kind, replaced one at a time as an operator does it."""

import asyncio
import itertools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from services.run.process import environment_of
from services.run.settings import Settings
from services.run.stack import Endpoints
from services.run.stack.child import Child, Command, log_tail
from services.run.stack.supervise import Supervisor
from tests.continuity.home import PATIENCE_S
from tests.continuity.next_release import environment_in
from tests.forked import ForkedChild


class Fleet:
    """Processes by names such as `projector-2`, of this release or, by its own code, of the next one.

    An API process keeps its port when it is replaced, as one behind an address of a balancer does.
    """

    def __init__(self, settings: Settings, endpoints: Endpoints, folder: Path, next_code: Path) -> None:
        self._settings, self._endpoints, self._folder, self._next_code = settings, endpoints, folder, next_code
        self._processes = Supervisor(self._spawn)
        self._ports: dict[str, str] = {}
        self._turns = itertools.count()
        self.is_next: dict[str, bool] = {}

    def url(self) -> str:
        """Of one API process after the other."""
        names = sorted(self._ports)
        return self.url_of(names[next(self._turns) % len(names)])

    def url_of(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    async def start(self, *names: str, next_release: bool = False) -> None:
        """And wait until each is ready."""
        for name in names:
            self._ready_file(name).unlink(missing_ok=True)
            self.is_next[name] = next_release
            self._processes.start(self._command(name))
        await asyncio.gather(*(self._ready(name) for name in names))

    async def replace(self, name: str, *, next_release: bool) -> None:
        """SIGTERM, and one of the other release in its place."""
        status = await self._processes.stop(name)
        assert status == 0, f"{name} ended with {status}{log_tail(self.log(name))}"
        await self.start(name, next_release=next_release)

    async def ended(self, name: str, *, next_release: bool) -> tuple[int, str]:
        """Start one that ends by itself: its status, and all that it said."""
        self._ready_file(name).unlink(missing_ok=True)
        self.is_next[name] = next_release
        self._processes.start(self._command(name))
        async with asyncio.timeout(PATIENCE_S):
            status = await self._processes.wait(name)
        return status, self.log(name).read_text()

    async def run(self, *arguments: str, next_release: bool) -> tuple[int, str]:
        """A command to its end: its status, and what it said."""
        name = f"{arguments[0]}-{next(self._turns)}"
        self.is_next[name] = next_release
        environment = self._environment(name)
        child = self._spawn(Command(name, (*_TRUEUP, *arguments), environment, self.log(name)))
        async with asyncio.timeout(PATIENCE_S):
            status = await child.wait()
        return status, self.log(name).read_text()

    async def stop(self) -> None:
        await self._processes.stop_all()

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _ready_file(self, name: str) -> Path:
        return self._folder / f"{name}.ready.json"

    def _command(self, name: str) -> Command:
        kind, _, _ = name.partition("-")
        argv = (*_TRUEUP, kind, "--ready-file", str(self._ready_file(name)))
        return Command(name, argv, self._environment(name), self.log(name))

    def _environment(self, name: str) -> Mapping[str, str]:
        told = environment_of(self._settings, self._endpoints) | {"TRUEUP_SIGHT_PORT": "0"}
        told |= {"TRUEUP_API_PORT": self._ports.get(name, "0")}
        return environment_in(self._next_code, told) if self.is_next[name] else told

    def _spawn(self, command: Command) -> Child:
        return ForkedChild(command, code=self._next_code if self.is_next[command.name] else None)

    async def _ready(self, name: str) -> None:
        file, ending = self._ready_file(name), asyncio.ensure_future(self._processes.wait(name))
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not file.exists():
                    await asyncio.wait((ending,), timeout=0.05)
                    assert not ending.done(), f"{name} ended at its start{log_tail(self.log(name))}"
        finally:
            ending.cancel()
        said = json.loads(file.read_text())
        if "url" in said:
            self._ports[name] = str(urlsplit(said["url"]).port)


_TRUEUP = (sys.executable, "-m", "services.run.cli")
