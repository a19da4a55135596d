"""One of the product's processes on a stack that runs: its command line, when it is ready, and how it ended."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from services.run.settings import Settings
from services.run.stack import Endpoints, StackError
from services.run.stack.child import Command, log_tail
from services.run.stack.supervise import Supervisor

START_SECONDS = 90.0
LOOK_SECONDS = 0.05


class Service:
    """Start it, wait until it is ready or has ended. `log`: where its output goes; None shares this process's."""

    def __init__(
        self, name: str, settings: Settings, endpoints: Endpoints, supervisor: Supervisor, folder: Path, *, quiet: bool
    ) -> None:
        self.name = name
        self._settings, self._endpoints, self._supervisor = settings, endpoints, supervisor
        self._ready_file = folder / f"{name}.ready.json"
        self._log = folder / f"{name}.log" if quiet else None
        self._port: int | None = None

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
        # Whoever was told its address finds it there again after a restart.
        self._port = said.get("port", self._port)
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
        """Told the stack's addresses by its environment."""
        settings, endpoints = self._settings, self._endpoints
        environment = os.environ | {
            "TRUEUP_KAFKA_BOOTSTRAP": endpoints.kafka_bootstrap,
            "TRUEUP_DATABASE_URL": endpoints.database_url,
            "TRUEUP_LOG_LEVEL": settings.log_level,
            "TRUEUP_PARTITIONS": str(settings.partitions),
            "TRUEUP_WORKER_SESSION_MS": str(settings.worker_session_ms),
            "TRUEUP_API_PORT": str(settings.api_port if self._port is None else self._port),
            "TRUEUP_API_HOST": settings.api_host,
        }
        argv = [sys.executable, "-m", "services.run.cli", self.name, "--ready-file", str(self._ready_file)]
        return Command(self.name, argv, environment, log=self._log)

    def _tail(self) -> str:
        return log_tail(self._log)
