"""A child process that can be started, asked to stop, killed and waited for, and never outlives its parent.

Each runs under `watch.py`, in a session of its own: so Ctrl-C in the terminal reaches only the parent, which then stops
its children in order.
"""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.run.stack.faults import StackError
from services.run.stack.watch import as_shells_say

WATCH = Path(__file__).with_name("watch.py")


@dataclass(frozen=True, slots=True)
class Owner:
    """The user and group that a command runs as."""

    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `name`: for messages; `env`: the whole environment, None for the parent's; `stop_signal`: asks the
    process to end; `grace_seconds`: after that time it is killed.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    #: Output is appended here; None shares the parent's stdout and stderr.
    log: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
    #: None: the parent's user.
    owner: Owner | None = None


class Child:
    """One running command. `keep_open`: descriptors, such as a lock's, that stay open until the command has ended."""

    def __init__(self, command: Command, keep_open: Sequence[int] = ()) -> None:
        self.command = command
        # The other end closes when the watch has ended, and this one when this process has: see watch.py.
        self._line, watchs = socket.socketpair()
        with watchs:
            self._process = _spawn(command, watchs.fileno(), keep_open)
        self._gone: asyncio.Future[int] | None = None

    @property
    def returncode(self) -> int | None:
        """Exit status (128 + signal if it died of one), or None while it runs."""
        status = self._process.poll()
        return None if status is None else as_shells_say(status)

    async def wait(self) -> int:
        """Wait until it has ended. Works on any event loop, without a child watcher. Returns: its exit status."""
        if self._gone is None:
            loop = asyncio.get_running_loop()
            self._gone = loop.create_future()
            loop.add_reader(self._line, self._end, loop, self._gone)
        return await asyncio.shield(self._gone)

    def _end(self, loop: asyncio.AbstractEventLoop, gone: "asyncio.Future[int]") -> None:
        loop.remove_reader(self._line)
        self._line.close()
        gone.set_result(as_shells_say(self._process.wait()))  # does not block: the process has ended

    async def stop(self) -> int:
        """Ask it to end, and kill it after its grace period. Returns: its exit status. Fine if it has ended before."""
        if self._process.poll() is None:
            self._process.terminate()
        return await self.wait()

    async def kill(self) -> int:
        """End the command by SIGKILL, as in a crash. It has ended when this returns. Returns: its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
        return await self.wait()


async def run_to_end(command: Command, timeout_seconds: float) -> None:
    """Run a command that is expected to end by itself.

    Raises: StackError, with the end of the command's log, if it fails or takes longer than `timeout_seconds`.
    """
    child = Child(command)
    try:
        async with asyncio.timeout(timeout_seconds):
            status = await child.wait()
    except TimeoutError:
        raise StackError(f"{command.name} took longer than {timeout_seconds:.0f} s{log_tail(command.log)}") from None
    finally:
        await child.kill()
    if status != 0:
        raise StackError(f"{command.name} failed with status {status}{log_tail(command.log)}")


def log_tail(log: Path | None, lines: int = 15) -> str:
    """The last lines of a log, in a form to append to an error message; empty if there is no log."""
    if log is None or not log.exists():
        return ""
    tail = log.read_text(errors="replace").splitlines()[-lines:]
    return f"; the last lines of {log}:\n" + "\n".join(f"  | {line}" for line in tail)


def _spawn(command: Command, line: int, keep_open: Sequence[int]) -> "subprocess.Popen[bytes]":
    owner = command.owner or Owner(-1, -1)
    wrapped = [sys.executable, "-I", "-S", str(WATCH), str(line), str(int(command.stop_signal))]
    wrapped += [str(command.grace_seconds), str(owner.user), str(owner.group), *command.argv]
    env = None if command.env is None else dict(command.env)
    common = {"env": env, "stdin": subprocess.DEVNULL, "start_new_session": True, "pass_fds": (line, *keep_open)}
    if command.log is None:
        return subprocess.Popen(wrapped, **common)  # type: ignore[call-overload,no-any-return]
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as out:
        return subprocess.Popen(wrapped, stdout=out, stderr=out, **common)  # type: ignore[call-overload,no-any-return]
