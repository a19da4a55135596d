"""What a part of the stack is, and the one kind that needs no work: a part given by its address."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from services.stack.errors import NotOurs

#: A given address that does not answer is an error within this time; yours may be just starting too.
GIVEN_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the two parts answer."""

    #: `host:port`, or several separated by commas.
    kafka_bootstrap: str
    #: A URL for asyncpg or libpq; embedded, it names a unix socket: `postgresql://trueup@/trueup?host=/folder`.
    database_url: str


class Part(Protocol):
    """Kafka or Postgres. After `stop` or `kill`, `start` brings back the same data at the same address."""

    async def start(self) -> str:
        """Starts it if it is ours, returns its address once it really answers. Raises: StackError."""

    async def stop(self) -> None:
        """Ends it cleanly if it is ours."""

    async def kill(self) -> None:
        """Ends it as a crash would. Raises: NotOurs."""


class Given:
    """A part that runs elsewhere: only asked whether it answers."""

    def __init__(self, name: str, address: str, answers: Callable[[str, float], Awaitable[None]]) -> None:
        self._name, self._address, self._answers = name, address, answers

    async def start(self) -> str:
        await self._answers(self._address, GIVEN_SECONDS)
        return self._address

    async def stop(self) -> None:
        """Nothing to do: whoever started it ends it."""

    async def kill(self) -> None:
        raise NotOurs(self._name)
