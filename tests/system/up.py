"""A `trueup up` in a process of its own, as a person starts it, and everything that runs because of it."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

PATIENCE_S = 120
#: A word of the command line by which a part is known, where it is not its name.
MARKS = {"Kafka": "kafka.Kafka", "Postgres": "/postgres"}
PARTITIONS = 2
SERVICES = ("relay", "ingest", "projector", "api", "webhooks")


class Up:
    """A `trueup up` that says it is ready."""

    def __init__(self, process: asyncio.subprocess.Process, home: Path, addresses: dict[str, str], told: Path) -> None:
        self.process, self.home, self.addresses = process, home, addresses
        #: Has what it writes to stdout.
        self.told = told
        self.errors = ""

    def children(self) -> list[psutil.Process]:
        """Everything that runs because of it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def process_of(self, name: str) -> psutil.Process | None:
        """The process of one of its parts, without the watch above it; None while there is none."""
        for child in self.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                line = child.cmdline()
                if any("watch.py" in word for word in line[:5]) or child.status() == psutil.STATUS_ZOMBIE:
                    continue
                if MARKS.get(name, name) in line or any(word.endswith(MARKS.get(name, name)) for word in line[:1]):
                    return child
        return None

    async def said(self, *words: str) -> str:
        """The next line on stderr with all these words."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self.process.stderr.readline()).decode():
                self.errors += line
                if all(word in line for word in words):
                    return line
        raise AssertionError(f"it ended without a line with {words}: {self.errors}")

    async def ended(self) -> tuple[int, str]:
        """Its exit status and what it wrote to stderr."""
        async with asyncio.timeout(PATIENCE_S):
            _, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()


@contextlib.asynccontextmanager
async def running_up(home: Path, *arguments: str, **environment: str) -> AsyncIterator[Up]:
    ready = home.with_suffix(".ready.json")
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "services.run.cli", "up", "--port", "0", "--ready-file", str(ready), *arguments]
    environment = os.environ | {"TRUEUP_HOME": str(home), "TRUEUP_PARTITIONS": str(PARTITIONS)} | environment
    told = home.with_suffix(".told")
    with told.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=output, stderr=asyncio.subprocess.PIPE
        )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not ready.exists():
                assert process.returncode is None
                await asyncio.sleep(0.1)
        yield Up(process, home, json.loads(ready.read_text()), told)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await process.wait()
            except TimeoutError:
                process.kill()  # what hangs fails this test, and no other that has the same home
                raise
