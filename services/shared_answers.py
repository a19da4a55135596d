"""One answer for all who ask at once: asking costs what one asks, however many there are."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.concurrency import cancel_all

T = TypeVar("T")


@dataclass
class AnswerOrError(Generic[T]):
    """What asking came to. An error is a value until it is raised: nobody may be there any more to hear of it."""

    answer: T | None = None
    error: Exception | None = None

    def get(self) -> T:
        """Raises: the error that asking raised, without the traceback of those who were given it before: all share
        it."""
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self.answer  # type: ignore[return-value]


class SharedAnswer(Generic[T]):
    """Asks once at a time: who comes while a question is on its way shares the next one, which begins after they came.

    So an answer is never older than its question, however many ask, and nothing is asked while nobody does.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._waiting: list[asyncio.Future[AnswerOrError[T]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def get(self) -> T:
        """The answer. Raises: what asking raised."""
        waiting: asyncio.Future[AnswerOrError[T]] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        if self._asking is None:
            self._asking = asyncio.create_task(self._answer_all())
        return (await waiting).get()

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                served, self._waiting = self._waiting, []
                try:
                    outcome = AnswerOrError(answer=await self._ask())
                except Exception as error:
                    outcome = AnswerOrError(error=error)
                except BaseException:
                    self._waiting += served
                    raise
                for waiting in served:
                    if not waiting.done():
                        waiting.set_result(outcome)
        finally:
            self._asking = None

    async def close(self) -> None:
        """Nobody asks any more; who still waits is cancelled."""
        if self._asking is not None:
            await cancel_all([self._asking])
        for waiting in self._waiting:
            waiting.cancel()


class AskedTogether(Generic[T]):
    """The same for things that are asked for by name: all names that come while a question is on its way are in the
    next one, however many they are. `ask` answers by name with what there is."""

    def __init__(self, ask: Callable[[Collection[str]], Awaitable[Mapping[str, T]]]) -> None:
        self._ask = ask
        self._wanted = set[str]()
        self._shared = SharedAnswer(self._ask_all)

    async def get(self, name: str) -> T | None:
        """What has this name. Raises: what asking raised."""
        self._wanted.add(name)
        return (await self._shared.get()).get(name)

    async def _ask_all(self) -> Mapping[str, T]:
        wanted, self._wanted = self._wanted, set()
        return await self._ask(wanted)

    async def close(self) -> None:
        """Nobody asks any more; who still waits is cancelled."""
        await self._shared.close()
