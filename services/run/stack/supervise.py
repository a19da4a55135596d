"""Named commands as children: `trueup up`'s API, relay, ingest and projector, started, stopped and killed one by one.

None outlives this process, even when it is killed. Starting again what ended by itself is the business of `keep`.
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

from services.run.stack.child import Child, Command
from services.run.stack.errors import StackError


class Supervisor:
    """Children by name."""

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

    async def wait(self, name: str) -> int:
        """Waits until one has ended, returns its exit status."""
        return await self._children[name].wait()

    def restart(self, name: str) -> None:
        """Starts one that has ended, with the same command."""
        self.start(self._children[name].command)

    @property
    def names(self) -> list[str]:
        """Names of those that were started, in order of start."""
        return list(self._children)

    def running(self) -> list[str]:
        """Names of those that run, in order of start."""
        return [name for name, child in self._children.items() if child.returncode is None]

    def ended(self) -> Child | None:
        """One that has ended, if any."""
        return next((child for child in self._children.values() if child.returncode is not None), None)

    async def stop_all(self) -> None:
        """Asks all to end, the last started first, and waits for them together: none depends on another for its end."""
        await asyncio.gather(*(child.stop() for child in reversed(self._children.values())))


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
