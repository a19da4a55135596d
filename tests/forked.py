"""`trueup` commands that run to their end, each in a process of its own that has imported already what commands import:
to import it anew, with all that is built of it, is most of what a short command takes, and tests run a hundred.

Such a process is forked from a clean one that has done nothing but import, one of each worker. That commands start from
nothing, too, is tested where they are started as people start them: tests/examples, tests/servers, tests/system, and
all of them in tests/install.
"""

import asyncio
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from services.run.cli import COMMANDS, main

#: What runs to its end.
SHORT = ("audit", "bill", "explain", "foreign", "migrate", "rebuild-store", "replay")
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__, *(COMMANDS[name][0].partition(":")[0] for name in SHORT)])


class Ran(NamedTuple):
    """How a command has ended, and what it said on its two outputs."""

    status: int
    out: str
    err: str


async def trueup(*arguments: str, environment: Mapping[str, str], timeout_s: float = 120) -> Ran:
    """Run the command line with this as its whole environment. Raises: TimeoutError; then nothing of it runs."""
    assert arguments[0] in SHORT
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = _processes.Process(target=_run, args=(arguments, dict(environment), out, err))
        await asyncio.to_thread(process.start)
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.to_thread(process.join)
        finally:
            process.kill()
        assert process.exitcode is not None
        return Ran(process.exitcode, out.read_text(), err.read_text())


def _run(arguments: tuple[str, ...], environment: dict[str, str], out: Path, err: Path) -> None:
    """In the new process."""
    for file, descriptor in ((out, 1), (err, 2)):
        with file.open("wb") as opened:
            os.dup2(opened.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["trueup", *arguments]
    main()
