"""Runs named commands as child processes: those of `trueup up`, which are started, stopped and killed one by one.

None outlives this process, even if this one is killed. A process that ends by itself is started again after a pause,
which grows while the process does not last, and is the shortest again once it has run for a while. If several starts in
a row fail, because the process ended or was not ready in time, it is given up, with an error.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import structlog

from services.concurrency import all_or_none, cancel_all
from services.failures import Worded
from services.outage import pause_after
from services.run.stack.child import Child, Command
from services.run.stack.faults import StackError

_log = structlog.get_logger(__name__)


class Supervisor:
    """Child processes by name. `spawn`: starts a command as a child."""

    def __init__(self, spawn: Callable[[Command], Child] = Child) -> None:
        self._spawn = spawn
        self._children: dict[str, Child] = {}

    def start(self, command: Command) -> None:
        """Start a command. Raises: StackError if an earlier one of that name still runs."""
        before = self._children.pop(command.name, None)
        if before and before.returncode is None:
            self._children[command.name] = before
            raise StackError(f"{command.name} is running already")
        self._children[command.name] = self._spawn(command)

    async def stop(self, name: str) -> int:
        """Ask one to end, and kill it after its grace period. Returns: its exit status."""
        return await self._children[name].stop()

    async def kill(self, name: str) -> None:
        """End one by SIGKILL, as in a crash."""
        await self._children[name].kill()

    async def wait(self, name: str) -> int:
        """Wait until one has ended. Returns: its exit status."""
        return await self._children[name].wait()

    def restart(self, name: str) -> None:
        """Start one that has ended again, with the same command. Raises: StackError if it still runs."""
        self.start(self._children[name].command)

    @property
    def names(self) -> list[str]:
        """Names of all that were started, in order of start, including those that have ended."""
        return list(self._children)

    def running(self) -> list[str]:
        """Names of those that run now, in order of start."""
        return [name for name, child in self._children.items() if child.returncode is None]

    def ended(self) -> Child | None:
        """The first one that has ended; None if all run."""
        return next((child for child in self._children.values() if child.returncode is not None), None)

    async def stop_all(self) -> None:
        """Ask all to end, the last started first, and wait for them together: none needs another to be able to end."""
        await asyncio.gather(*(child.stop() for child in reversed(self._children.values())))


@contextlib.contextmanager
def stop_on_signals(event: asyncio.Event) -> Iterator[asyncio.Event]:
    """During the block, SIGTERM and SIGINT set the event instead of ending the process. For the main thread only."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, event.set)
    try:
        yield event
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def until_asked_to_stop(work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it ends, or until SIGTERM or SIGINT cancels it."""
    with stop_on_signals(asyncio.Event()) as signalled:
        async with all_or_none([signalled.wait()]) as stopping:
            working = asyncio.ensure_future(work)
            await asyncio.wait((working, *stopping), return_when=asyncio.FIRST_COMPLETED)
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


class Supervised(Protocol):
    """Something that is kept running: one of the product's processes, or an embedded Kafka or Postgres."""

    @property
    def name(self) -> str:
        """What messages and log lines call it."""

    async def start(self) -> object:
        """Start it, and return once it is ready. Raises: StackError, saying why it is not; then it does not run."""

    async def ended(self) -> str:
        """Wait until it ends by itself; returns a sentence on how, which begins with its name."""


@dataclass(frozen=True, slots=True)
class Patience:
    """The pauses, in seconds, before the first and each further restart, and when to give up."""

    pauses: tuple[float, ...] = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
    #: After running for this long, the pauses begin anew.
    healthy_seconds: float = 60.0
    failed_starts: int = 5


class CannotStart(Worded, StackError):
    """{name} cannot be started: {starts} starts in a row failed; the last one: {last}"""

    def __init__(self, name: str, starts: int, last: StackError) -> None:
        super().__init__(name=name, starts=starts, last=last)


class Keeper:
    """Keeps running what runs already. It is started again only once all that it `needs` is running."""

    def __init__(
        self, supervised: Supervised, needs: Iterable["Keeper"] = (), patience: Patience | None = None
    ) -> None:
        self._supervised, self._needs, self._patience = supervised, tuple(needs), patience or Patience()
        self._runs = asyncio.Event()
        self._runs.set()
        self._restarts = 0

    async def keep(self) -> NoReturn:
        """Restart it whenever it ends, until cancelled. Raises: CannotStart if several starts in a row fail."""
        clock = asyncio.get_running_loop().time
        while True:
            since = clock()
            how = await self._supervised.ended()
            self._runs.clear()
            ended = clock()
            if ended - since >= self._patience.healthy_seconds:
                self._restarts = 0
            _log.warning("process_ended", name=self._supervised.name, how=how, again_in_seconds=self._pause)
            await self._start_again()
            self._runs.set()
            _log.warning("process_runs_again", name=self._supervised.name, after_seconds=round(clock() - ended, 1))

    @property
    def _pause(self) -> float:
        return pause_after(self._patience.pauses, self._restarts + 1)

    async def _start_again(self) -> None:
        failed = 0
        while True:
            await asyncio.sleep(self._pause)
            self._restarts += 1
            for needed in self._needs:
                await needed._runs.wait()
            try:
                await self._supervised.start()
                return
            except StackError as error:
                failed += 1
                if failed == self._patience.failed_starts:
                    raise CannotStart(self._supervised.name, failed, error) from error
                again = {"failed_starts": failed, "again_in_seconds": self._pause}
                _log.warning("process_did_not_start", name=self._supervised.name, error=str(error), **again)


async def keep_all(keepers: Sequence[Keeper]) -> NoReturn:
    """Keep all of them running, until cancelled. Raises: CannotStart, from the first that gives up."""
    tasks = [asyncio.ensure_future(keeper.keep()) for keeper in keepers]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_all(tasks)
    raise next(error for task in done if (error := task.exception()) is not None)
