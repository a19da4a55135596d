"""Runs named commands as children until one ends or a signal asks to stop: `trueup up`'s API, relay, ingest, projector.

It restarts none: a worker that ends by itself is a fault, so all are stopped and the fault is named. Children are
stopped in the reverse order of their start, and none outlives this process, even when it is killed.
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Sequence

import structlog

from services.stack.child import Child, Command, log_tail
from services.stack.errors import StackError

LOOK_SECONDS = 0.05
_log = structlog.get_logger(__name__)


class Supervisor:
    """Children by name. Tests use it to kill and restart single ones; `supervise` is the everyday use."""

    def __init__(self) -> None:
        self._children: dict[str, Child] = {}

    def start(self, command: Command) -> None:
        """Starts a command; one that ran under its name before must have ended."""
        before = self._children.pop(command.name, None)
        if before and before.returncode is None:
            self._children[command.name] = before
            raise StackError(f"{command.name} is running already")
        self._children[command.name] = Child(command)

    async def stop(self, name: str) -> int:
        """Asks one to end, kills it after its grace, returns its exit status."""
        return await self._children[name].stop()

    async def kill(self, name: str) -> None:
        """SIGKILL to one, as a crash."""
        await self._children[name].kill()

    def restart(self, name: str) -> None:
        """Starts one that has ended, with the same command."""
        self.start(self._children[name].command)

    def running(self) -> list[str]:
        """Names of those that run, in order of start."""
        return [name for name, child in self._children.items() if child.returncode is None]

    def ended(self) -> Child | None:
        """One that has ended, if any."""
        return next((child for child in self._children.values() if child.returncode is not None), None)

    async def stop_all(self) -> None:
        for child in reversed(list(self._children.values())):
            await child.stop()


async def supervise(commands: Sequence[Command], stop: asyncio.Event | None = None) -> int:
    """Runs the commands until SIGTERM, SIGINT or `stop`, then ends all and returns 0.

    Raises: StackError if one ends by itself, with its name, status and the tail of its log; the others are ended first.
    """
    supervisor = Supervisor()
    with stop_on_signals(stop or asyncio.Event()) as asked:
        try:
            for command in commands:
                supervisor.start(command)
            while not asked.is_set():
                if (child := supervisor.ended()) is not None:
                    _log.error("service_ended", service=child.command.name, status=child.returncode)
                    tail = log_tail(child.command.log)
                    raise StackError(f"{child.command.name} ended by itself with status {child.returncode}{tail}")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asked.wait(), LOOK_SECONDS)
        finally:
            await supervisor.stop_all()
    return 0


@contextlib.contextmanager
def stop_on_signals(event: asyncio.Event) -> Iterator[asyncio.Event]:
    """While the block runs, SIGTERM and SIGINT set the event instead of ending the process. Main thread only."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, event.set)
    try:
        yield event
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
