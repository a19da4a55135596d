"""`trueup` in processes of their own that have imported already what they need: to import it anew, with all that is
built of it, is most of what a short command takes, and half of what a service takes in a test; and there are hundreds.

Such a process is forked from a clean one that has done nothing but import, one of each worker. That commands and
services start from nothing, too, is tested where they are started as people start them: tests/examples, tests/system,
and all of them in tests/install.
"""

import asyncio
import contextlib
import ctypes
import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, cast

from services.run.cli import COMMANDS, main
from services.run.stack.child import Child, Command
from services.run.stack.watch import PR_SET_PDEATHSIG, as_shells_say
from services.run.up import SERVICES

#: The rooms of the product.
OURS = ("events", "projections", "services")
#: What runs to its end.
SHORT = (
    *("archive", "audit", "bill", "doctor", "explain", "export", "foreign", "import", "migrate", "rebuild-store"),
    *("replay", "restore", "status"),
)
#: What stays, besides the services of `trueup up`.
STAYS = ("assist",)
#: Processes that are forked from the clean one.
PROCESSES = multiprocessing.get_context("forkserver")
_modules = [COMMANDS[name][0].partition(":")[0] for name in (*SHORT, *SERVICES)]
PROCESSES.set_forkserver_preload([__name__, *_modules, "tests.preloaded"])


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
        child = await started(*arguments, environment=environment, log=out, err=err)
        try:
            async with asyncio.timeout(timeout_s):
                status = await child.wait()
        finally:
            await child.kill()
        return Ran(status, out.read_text(), err.read_text())


async def started(*arguments: str, environment: Mapping[str, str], log: Path, err: Path | None = None) -> "ForkedChild":
    """Start a command or service with this as its whole environment; who calls ends it."""
    assert arguments[0] in (*SHORT, *STAYS, *SERVICES)
    command = Command(arguments[0], (sys.executable, "-m", "services.run.cli", *arguments), environment, log)
    return await asyncio.to_thread(ForkedChild, command, err)


async def prepare() -> None:
    """Wait until a fork takes no time, by making one in a thread: the first waits until all is imported."""
    process = PROCESSES.Process(target=int)
    await asyncio.to_thread(process.start)
    await asyncio.to_thread(process.join)


class ForkedChild(Child):
    """As a child of the product, without the watch: it ends with the worker, by SIGKILL. What it says goes to the
    command's log, what it says of errors to `err` if that is given. `code`: a folder with other code of ours."""

    def __init__(self, command: Command, err: Path | None = None, code: Path | None = None) -> None:
        assert command.env is not None and command.log is not None, "a fork has nothing of this process"
        given = (tuple(command.argv[3:]), dict(command.env), command.log, err or command.log, code)
        self.command = command
        self._forked = PROCESSES.Process(target=_run, args=given)  # no daemon, which may start no process itself
        self._forked.start()
        self._gone: asyncio.Future[int] | None = None

    @property
    def pid(self) -> int:
        assert self._forked.pid is not None, "it was started"
        return self._forked.pid

    @property
    def returncode(self) -> int | None:
        status = self._forked.exitcode
        return None if status is None else as_shells_say(status)

    async def wait(self) -> int:
        if self._gone is None:
            loop = asyncio.get_running_loop()
            self._gone = loop.create_future()
            loop.add_reader(self._forked.sentinel, self._ended, loop, self._gone)
        return await asyncio.shield(self._gone)

    def _ended(self, loop: asyncio.AbstractEventLoop, gone: "asyncio.Future[int]") -> None:
        loop.remove_reader(self._forked.sentinel)
        self._forked.join()
        status = self.returncode
        assert status is not None
        gone.set_result(status)

    async def stop(self) -> int:
        if self.returncode is None:
            self._forked.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.command.grace_seconds):
                return await self.wait()
        return await self.kill()

    async def kill(self) -> int:
        if self.returncode is None:
            self._forked.kill()
        return await self.wait()


def _run(arguments: tuple[str, ...], environment: dict[str, str], out: Path, err: Path, code: Path | None) -> None:
    """In the new process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for file, descriptor in ((out, 1), (err, 2)):
        with file.open("ab") as opened:
            os.dup2(opened.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["trueup", *arguments]
    if code is None:
        main()
    else:
        _main_of(code)()


def _main_of(code: Path) -> Callable[[], None]:
    """The command line as this folder has it: what was imported of ours is forgotten, of libraries it stays."""
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    sys.path.insert(0, str(code))
    found = importlib.import_module("services.run.cli")
    assert Path(found.__file__ or "").is_relative_to(code), found.__file__
    return cast(Callable[[], None], found.main)
