"""A script that is run again and again, and killed at a moment of its own; see `tests/killed_at.py`."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.modules import ROOT

#: Runs it, killed at the moment of this number, never at 0; whether it was.
Run = Callable[[int], Awaitable[bool]]


@asynccontextmanager
async def forks(script: str, *arguments: str, places: tuple[str, ...], **environment: str) -> AsyncIterator[Run]:
    """Runs of a script in the repository; `places`: files, or `file:function,...`, at whose lines it is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("tests/killed_at.py", *(part for place in places for part in ("--in", place)), script, *arguments),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    requests, answers = process.stdin, process.stdout

    async def run(moment: int) -> bool:
        requests.write(f"{moment}\n".encode())
        status = (await answers.readline()).decode().strip()
        assert status in ("0", str(int(signal.SIGKILL))), status
        return status != "0"

    try:
        yield run
    finally:
        process.kill()
        await process.wait()
