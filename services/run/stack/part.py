"""What a part of the stack is: given by its address, or a child process that is ended when asked and named when it ends
unasked."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from services.kafka import Cluster
from services.run.stack.child import Child, Command, log_tail
from services.run.stack.faults import NotOurs, StackError

#: A given address that does not answer is an error within this time; yours may be just starting too.
GIVEN_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the two parts answer."""

    kafka: Cluster
    #: A URL for asyncpg or libpq; embedded, it names a unix socket: `postgresql://trueup@/trueup?host=/folder`.
    database_url: str = field(repr=False)


class StackPart(Protocol):
    """Kafka or Postgres. After `stop` or `kill`, `start` brings back the same data at the same address."""

    async def start(self) -> str:
        """Starts it if it is ours, returns its address once it really answers. Raises: StackError."""

    async def stop(self) -> None:
        """Ends it cleanly if it is ours."""

    async def kill(self) -> None:
        """Ends it as a crash would. Raises: NotOurs."""


class GivenPart:
    """A part that runs elsewhere: only asked whether it answers."""

    def __init__(self, name: str, address: str, answers: Callable[[float], Awaitable[None]]) -> None:
        """`answers` returns once it does, and raises a StackError if it does not within so many seconds."""
        self._name, self._address, self._answers = name, address, answers

    async def start(self) -> str:
        await self._answers(GIVEN_SECONDS)
        return self._address

    async def stop(self) -> None:
        """Nothing to do: whoever started it ends it."""

    async def kill(self) -> None:
        raise NotOurs(self._name)


class EmbeddedPart(ABC):
    """A part that is one child process, with a folder. Subclasses start it, and say its name.

    `keep_open` are descriptors that stay open as long as it may run (the home's lock).
    """

    name: str

    def __init__(self, folder: Path, keep_open: tuple[int, ...] = ()) -> None:
        self._folder, self._keep_open = folder, keep_open
        self._data, self._output = folder / "data", folder / "server.log"
        self._child: Child | None = None

    @abstractmethod
    async def start(self) -> str:
        """Starts it, returns its address once it answers. Raises: StackError; then nothing of it runs."""

    def _begin_output(self) -> None:
        """The folder is there, and what the last run wrote stands aside."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._output.exists():
            self._output.rename(self._output.with_suffix(".log.1"))

    async def _run(self, command: Command, answers: Callable[[Callable[[], bool]], Awaitable[None]]) -> None:
        """Runs the server. `answers` returns once it does; it is given what tells whether the server still runs.

        Raises: StackError with the end of its log; then nothing of it runs.
        """
        self._child = child = Child(command, self._keep_open)
        try:
            await answers(lambda: child.returncode is None)
        except BaseException as error:
            await child.kill()
            if isinstance(error, StackError):
                raise StackError(f"{error}{log_tail(command.log)}") from None
            raise

    async def stop(self) -> None:
        """Ends it cleanly."""
        child, self._child = self._child, None
        if child:
            await child.stop()

    async def kill(self) -> None:
        """Ends it as a crash would."""
        child, self._child = self._child, None
        if child:
            await child.kill()

    async def ended(self) -> str:
        """Waits until it ends by itself; returns how. Only while it runs and nobody is asked to end it."""
        assert self._child is not None, "ask once it has been started"
        status = await self._child.wait()
        return f"{self.name} ended by itself with status {status}{log_tail(self._child.command.log)}"
