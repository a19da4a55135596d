"""What the processes' event loops need: turns, waiting for the first of several things, one answer for all who ask at
once, pure work off the loop, and the next piece of work begun while the last one is used."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

from services.failures import ExpectedFailure, Passing, Worded

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

#: As long as clients wait for an answer; by then nobody listens.
WAIT_SECONDS = 60.0


class NoTurnError(Worded, ExpectedFailure, Passing):
    """{who} has waited {seconds:.0f} s for its turn at {what}: too much is asked at once, try again later"""

    def __init__(self, whose: str, what: str, seconds: float) -> None:
        who = f"organization {whose}" if whose else "this process"
        super().__init__(who=who, seconds=seconds, what=what)


class Turns:
    """At most `most` turns at once, at most `share` of them of one organization; `what` they are at is for messages.

    Who asks for much waits behind its own requests, not before others'. Waiting costs a future. Organizations that wait
    take turns: each that is below its share gets one, then the next.
    """

    def __init__(self, what: str, most: int, share: int, within: float | None = WAIT_SECONDS) -> None:
        self._what, self._most, self._share, self._within = what, most, share, within
        self._held = Counter[str]()
        #: By organization, in the order of their next turn; each with who waits, first come first.
        self._waiting = OrderedDict[str, deque[asyncio.Future[None]]]()

    @asynccontextmanager
    async def turn(self, whose: str) -> AsyncIterator[None]:
        """A turn for the length of the block, as soon as it is the organization's. Raises: NoTurnError."""
        if self._is_free(whose):
            self._held[whose] += 1
        else:
            await self._queue(whose)
        try:
            yield
        finally:
            self._give_back(whose)

    def _is_free(self, whose: str) -> bool:
        # Whoever waits while turns are left is at its share; so nobody is overtaken but by another organization.
        return self._held.total() < self._most and self._held[whose] < self._share and whose not in self._waiting

    async def _queue(self, whose: str) -> None:
        given = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(whose, deque()).append(given)
        try:
            async with asyncio.timeout(self._within):
                await given
        except BaseException as error:
            if given.cancelled():
                self._leave(whose, given)
            else:
                self._give_back(whose)  # it was given at the very moment
            if isinstance(error, TimeoutError):
                assert self._within is not None
                raise NoTurnError(whose, self._what, self._within) from None
            raise

    def _leave(self, whose: str, given: "asyncio.Future[None]") -> None:
        """Whoever is cancelled stands in the queue until then, and is passed over."""
        queue = self._waiting.get(whose, deque())
        if given in queue:
            queue.remove(given)
        if not queue:
            self._waiting.pop(whose, None)

    def _give_back(self, whose: str) -> None:
        self._held[whose] -= 1
        if not self._held[whose]:
            del self._held[whose]
        while self._held.total() < self._most and (following := self._following()) is not None:
            self._waiting[following].popleft().set_result(None)
            self._held[following] += 1
            self._waiting.move_to_end(following)
            self._drop_gone(following)

    def _following(self) -> str | None:
        """The organization whose turn it is: the first that waits and is below its share."""
        for whose in [whose for whose in self._waiting if self._held[whose] < self._share]:
            if self._drop_gone(whose):
                return whose
        return None

    def _drop_gone(self, whose: str) -> bool:
        """Whether anybody of the organization still waits, once those at the front that do not are dropped."""
        queue = self._waiting[whose]
        while queue and queue[0].done():
            queue.popleft()
        if not queue:
            del self._waiting[whose]
        return bool(queue)


async def first_of(seconds: float, *events: asyncio.Event, futures: "Sequence[asyncio.Future[Any]]" = ()) -> None:
    """Until one of the events is set, one of the futures is done, or the time is over. Futures are left as they are."""
    if any(event.is_set() for event in events):
        return
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait((*futures, *waits), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


@dataclass
class Outcome(Generic[T]):
    """What asking came to. An error is a value until it is raised: nobody may be there any more to hear of it."""

    answer: T | None = None
    error: Exception | None = None

    def get(self) -> T:
        """Raises: the error, without the traceback of whoever raised it before: it is everybody's."""
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self.answer  # type: ignore[return-value]


class SharedAnswer(Generic[T]):
    """Asks once at a time: who comes while a question is on its way shares the next one, which begins after they came.

    So an answer is never older than its question, however many ask, and nothing is asked while nobody does.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._waiting: list[asyncio.Future[Outcome[T]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def get(self) -> T:
        """The answer. Raises: what asking raised."""
        waiting: asyncio.Future[Outcome[T]] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        if self._asking is None:
            self._asking = asyncio.create_task(self._answer_all())
        return (await waiting).get()

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                served, self._waiting = self._waiting, []
                try:
                    outcome = Outcome(answer=await self._ask())
                except Exception as error:
                    outcome = Outcome(error=error)
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
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
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


#: Of the process, as its one interpreter is.
_TURNS = Turns("the computing of bills and balances", most=2, share=1)


async def compute(organization: str, work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """What the work returns: pure work that takes long runs in a thread, in its organization's turn, so that settling a
    big family does not hold up everybody's requests.

    Threads of one process share one interpreter, so more of them compute nothing sooner; two are enough for
    organizations to take turns, and one organization has one at a time. So what the families of an organization share,
    its catalog, is used by one thread at a time, too. Raises: what the work raises, NoTurnError.
    """
    async with _TURNS.turn(organization):
        return await asyncio.to_thread(work, *arguments, **named)


async def one_ahead(
    items: AsyncGenerator[T, None], work: Callable[[T], Awaitable[R]]
) -> AsyncGenerator[tuple[T, Awaitable[R]], None]:
    """Each item with its work, which has begun; that of the next item goes on meanwhile.

    Work that nobody came to await is cancelled, so it must be such that nothing is lost by that.
    """

    async def begun(item: T) -> R:
        return await work(item)

    ahead: deque[tuple[T, asyncio.Task[R]]] = deque()
    try:
        async with aclosing(items):
            async for item in items:
                ahead.append((item, asyncio.create_task(begun(item))))
                if len(ahead) > 1:
                    yield ahead.popleft()
        while ahead:
            yield ahead.popleft()
    finally:
        for _, task in ahead:
            task.cancel()
        await asyncio.gather(*(task for _, task in ahead), return_exceptions=True)
