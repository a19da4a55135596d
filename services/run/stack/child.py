"""A child process that can be started, asked to stop, killed and waited for, and never becomes an orphan.

Each runs under `watch.py`, in a session of its own: Ctrl-C in the terminal reaches only the parent, which then stops
its children in order. Knows nothing of what the command is.
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
    """What to run. `name` is for messages; `env` is the whole environment, None means the parent's."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    #: Output is appended here; None shares the parent's stdout and stderr.
    log: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
    #: None is the parent's user.
    owner: Owner | None = None


class Child:
    """One running command. `keep_open` are descriptors (such as a held lock) that stay open while it may run."""

    def __init__(self, command: Command, keep_open: Sequence[int] = ()) -> None:
        self.command = command
        # Closed at the other end when the watch is gone, and at this one when we are: see watch.py.
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
        """Waits until it has ended; needs no child watcher, and suits any event loop. Returns: its exit status."""
        if self._gone is None:
            loop = asyncio.get_running_loop()
            self._gone = loop.create_future()
            loop.add_reader(self._line, self._end, loop, self._gone)
        return await asyncio.shield(self._gone)

    def _end(self, loop: asyncio.AbstractEventLoop, gone: "asyncio.Future[int]") -> None:
        loop.remove_reader(self._line)
        self._line.close()
        gone.set_result(as_shells_say(self._process.wait()))  # closes its files and ends: there is nothing to wait for

    async def stop(self) -> int:
        """Asks it to end, kills it after its grace, returns its exit status. Does nothing if it has ended."""
        if self._process.poll() is None:
            self._process.terminate()
        return await self.wait()

    async def kill(self) -> int:
        """SIGKILL to the command itself, as a crash: nothing of it runs any more when this returns."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
        return await self.wait()


async def run_to_end(command: Command, timeout_seconds: float) -> None:
    """Runs a command that is expected to end by itself.

    Raises: StackError naming the command with the tail of its log, if it fails or takes longer than `timeout_seconds`.
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
    """The last lines of a log, ready to be put behind an error message; empty if there is no log."""
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
