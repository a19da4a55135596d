"""A part of the stack, which is Kafka or Postgres, either given by its address or run as a child process."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from services.kafka import Cluster
from services.run.stack.child import Child, Command, log_tail
from services.run.stack.faults import NotOurs, StackError

#: How long to wait for an answer at a given address, since that server may be just starting.
GIVEN_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of Kafka and Postgres."""

    kafka: Cluster
    #: A URL for asyncpg or libpq; embedded, it names a unix socket: `postgresql://trueup@/trueup?host=/folder`.
    database_url: str = field(repr=False)


class StackPart(Protocol):
    """Kafka or Postgres. After `stop` or `kill`, `start` brings back the same data at the same address."""

    async def start(self) -> str:
        """Start it if it is ours. Returns: its address, once it answers requests. Raises: StackError."""

    async def stop(self) -> None:
        """End it cleanly if it is ours."""

    async def kill(self) -> None:
        """End it as a crash would. Raises: NotOurs."""


class GivenPart:
    """A part that runs elsewhere and was given by its address. It is only checked that it answers."""

    def __init__(self, name: str, address: str, answers: Callable[[float], Awaitable[None]]) -> None:
        """`answers`: returns once the part answers, and raises StackError if it does not within the given seconds."""
        self._name, self._address, self._answers = name, address, answers

    async def start(self) -> str:
        await self._answers(GIVEN_SECONDS)
        return self._address

    async def stop(self) -> None:
        """Do nothing: whoever started it ends it."""

    async def kill(self) -> None:
        raise NotOurs(self._name)


class EmbeddedPart(ABC):
    """A part that is a child process, with a folder for its data. Subclasses start it and give it a name.

    `keep_open`: descriptors, such as that of the home's lock, that stay open until it has ended.
    """

    name: str

    def __init__(self, folder: Path, keep_open: tuple[int, ...] = ()) -> None:
        self._folder, self._keep_open = folder, keep_open
        self._data, self._output = folder / "data", folder / "server.log"
        self._child: Child | None = None

    @abstractmethod
    async def start(self) -> str:
        """Start it. Returns: its address, once it answers. Raises: StackError; then nothing of it is left running."""

    def _begin_output(self) -> None:
        """Make the folder, and move the output of the last run aside."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._output.exists():
            self._output.rename(self._output.with_suffix(".log.1"))

    async def _run(self, command: Command, answers: Callable[[Callable[[], bool]], Awaitable[None]]) -> None:
        """Run the server. `answers`: returns once it answers; it is passed a function that says whether it still runs.

        Raises: StackError with the end of its log; then nothing of it is left running.
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
        """End it cleanly, if it runs."""
        child, self._child = self._child, None
        if child:
            await child.stop()

    async def kill(self) -> None:
        """End it as a crash would, if it runs."""
        child, self._child = self._child, None
        if child:
            await child.kill()

    async def ended(self) -> str:
        """Wait until it ends by itself; returns a sentence on how. Call it only while it runs and nobody stops it."""
        assert self._child is not None, "ask once it has been started"
        status = await self._child.wait()
        return f"{self.name} ended by itself with status {status}{log_tail(self._child.command.log)}"


@asynccontextmanager
async def away(part: StackPart | None, name: str, crash: bool) -> AsyncIterator[None]:
    """The part is ended, by SIGKILL if `crash`, for the length of the block. Raises: NotOurs."""
    if part is None:
        raise StackError("the stack has not been started")
    if isinstance(part, GivenPart):
        raise NotOurs(name)
    await (part.kill() if crash else part.stop())
    try:
        yield
    finally:
        await part.start()
