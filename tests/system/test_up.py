"""`trueup up` as a person starts it: the ready file, a clean stop, no orphan, and a part that dies is named."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.stack.processes import alive

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PATIENCE_S = 120


class Up:
    """A `trueup up` that says it is ready."""

    def __init__(self, process: asyncio.subprocess.Process, home: Path, addresses: dict[str, str]) -> None:
        self.process, self.home, self.addresses = process, home, addresses

    def children(self) -> list[psutil.Process]:
        """Everything that runs because of it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    async def ended(self) -> tuple[int, str]:
        """Its exit status and what it wrote to stderr."""
        async with asyncio.timeout(PATIENCE_S):
            _, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()


@contextlib.asynccontextmanager
async def running_up(home: Path) -> AsyncIterator[Up]:
    ready = home.with_suffix(".ready.json")
    command = [sys.executable, "-m", "services.cli", "up", "--port", "0", "--ready-file", str(ready)]
    environment = os.environ | {"TRUEUP_HOME": str(home), "TRUEUP_PARTITIONS": "2"}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not ready.exists():
                assert process.returncode is None
                await asyncio.sleep(0.1)
        yield Up(process, home, json.loads(ready.read_text()))
    finally:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()


async def all_gone(processes: list[psutil.Process]) -> None:
    async with asyncio.timeout(30):
        while alive(processes):
            await asyncio.sleep(0.1)


async def test_it_tells_its_addresses_and_stops_cleanly(tmp_path: Path) -> None:
    async with running_up(tmp_path / "home") as up:
        assert sorted(up.addresses) == ["api_url", "database_url", "kafka_bootstrap"]
        async with httpx.AsyncClient(timeout=30) as client:
            assert (await client.get(f"{up.addresses['api_url']}/health")).status_code == 200
        children = up.children()
        up.process.send_signal(signal.SIGTERM)
        status, _ = await up.ended()
        assert status == 0
        await all_gone(children)


async def test_kill_minus_nine_leaves_no_orphan(tmp_path: Path) -> None:
    async with running_up(tmp_path / "home") as up:
        children = up.children()
        assert len(children) >= 6
        up.process.kill()
        await up.process.wait()
        await all_gone(children)


async def test_a_broker_that_dies_is_named(tmp_path: Path) -> None:
    async with running_up(tmp_path / "home") as up:
        broker = next(child for child in up.children() if "kafka.Kafka" in child.cmdline())
        broker.kill()
        status, errors = await up.ended()
        assert status != 0
        assert "Kafka ended by itself" in errors


async def test_a_home_that_cannot_be_used_is_named() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "up", env=os.environ | {"TRUEUP_HOME": "/proc/nope"},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().strip().startswith("trueup: TRUEUP_HOME /proc/nope cannot be used")
