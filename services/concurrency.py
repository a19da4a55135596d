"""What the event loops of processes need: turns, waiting for the first of several things, an end of tasks that they
hear, pure work off the loop, and the next piece of work begun while the last one is used."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from math import inf
from typing import Any, ParamSpec, TypeVar

import structlog

from services.failures import ExpectedFailure, Passing, Worded

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

#: As long as clients wait for an answer; by then nobody listens.
WAIT_SECONDS = 60.0
#: Longer than those take to clean up who are told so.
TOLD_AGAIN_SECONDS = 5.0
#: How long a process that is asked to end may be at what it has begun.
FINISH_SECONDS = 2.0
_log = structlog.get_logger(__name__)


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
        self._taken = Counter[str]()
        #: By organization, in the order of their next turn; each with who waits, first come first.
        self._waiting = OrderedDict[str, deque[asyncio.Future[None]]]()

    @asynccontextmanager
    async def turn(self, whose: str) -> AsyncIterator[None]:
        """A turn for the length of the block, as soon as it is the organization's. Raises: NoTurnError."""
        if self._is_free(whose):
            self._taken[whose] += 1
        else:
            await self._queue(whose)
        try:
            yield
        finally:
            self._give_back(whose)

    def _is_free(self, whose: str) -> bool:
        # Whoever waits while turns are left is at its share; so nobody is overtaken but by another organization.
        return self._taken.total() < self._most and self._taken[whose] < self._share and whose not in self._waiting

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
        self._taken[whose] -= 1
        if not self._taken[whose]:
            del self._taken[whose]
        while self._taken.total() < self._most and (following := self._following()) is not None:
            self._waiting[following].popleft().set_result(None)
            self._taken[following] += 1
            self._waiting.move_to_end(following)
            self._drop_gone(following)

    def _following(self) -> str | None:
        """The organization whose turn it is: the first that waits and is below its share."""
        for whose in [whose for whose in self._waiting if self._taken[whose] < self._share]:
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
    if not (waits or futures):
        await asyncio.sleep(seconds)
        return
    try:
        await asyncio.wait((*futures, *waits), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def unless_set(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What the work returns; None if the event is set before: then the work is cancelled, and has ended."""
    working, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await cancel_all((working, waiting))


async def soon_after(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run work that ends by itself once `stop` is set. If that takes long, as while it waits for a server that is away,
    it is cancelled, which loses no more than a kill: nothing.
    """
    working = asyncio.create_task(work)
    try:
        await first_of(inf, stop, futures=[working])
        await first_of(FINISH_SECONDS, futures=[working])
        if not working.done():
            _log.warning("does_not_finish", seconds=FINISH_SECONDS)
    finally:
        await cancel_all([working])
    if not (working.cancelled() and stop.is_set()):
        working.result()


async def cancel_all(tasks: "Iterable[asyncio.Future[Any]]") -> None:
    """Cancel the tasks, which are soon done with cleaning up, and wait until every one has ended, in whatever way.

    A cancellation may be lost: aiokafka, while it closes, takes it for that of a task of its own, and what is just done
    when it comes returns instead. So whoever goes on is told again; at once, if the caller is told again meanwhile.
    """
    listed, told = list(tasks), False
    while going_on := [task for task in listed if not task.done()]:
        for task in going_on:
            task.cancel()
        try:
            await asyncio.wait(going_on, timeout=TOLD_AGAIN_SECONDS)
        except asyncio.CancelledError:
            told = True
    await asyncio.gather(*listed, return_exceptions=True)
    if told:
        raise asyncio.CancelledError


@asynccontextmanager
async def all_or_none(coroutines: Iterable[Coroutine[Any, Any, T]]) -> AsyncIterator[list[asyncio.Task[T]]]:
    """Run the coroutines as tasks during the block; those that have not ended at its end are cancelled."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield tasks
    finally:
        await cancel_all(tasks)


async def run_together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run the coroutines until all have ended, or the first has failed: then the others are cancelled.

    Not a TaskGroup, because that tells its tasks of a cancellation once only (`cancel_all`). Raises: what one raised.
    """
    async with all_or_none(coroutines) as tasks:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()


def heed_cancellation() -> None:
    """For a task that is told only once, after what may lose a cancellation. Raises: CancelledError, if one was."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


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

    Work that nobody came to await is cancelled, also that of the item at which the caller stopped, so it must be such
    that nothing is lost by that.
    """

    async def begun(item: T) -> R:
        return await work(item)

    ahead: deque[tuple[T, asyncio.Task[R]]] = deque()
    try:
        async with aclosing(items):
            async for item in items:
                ahead.append((item, asyncio.create_task(begun(item))))
                if len(ahead) > 1:
                    yield ahead[0]
                    ahead.popleft()
        while ahead:
            yield ahead[0]
            ahead.popleft()
    finally:
        await cancel_all(task for _, task in ahead)
