"""One watcher for all waits for a projection: it looks once for all of them, and stops when none is left.

A wait is a future with a deadline. It holds no connection and makes no query; waits for the same target share the same
future. While nothing moves, the watcher looks less often.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf

from events.topics import CATALOG, EVENTS, USAGE
from services.concurrency import cancel_all, first_of
from services.failures import ExpectedFailure, Passing, Worded
from services.kafka import Cluster
from services.readside.live import Live, OutdatedReadModelsError
from services.readside.looking import KAFKA_SECONDS, Looker, Seen, TopicEnds
from services.readside.targets import WaitTarget
from services.shared_answers import AnswerOrError, SharedAnswer

#: Seconds between looks while things move, and the longest while they do not.
LOOK_SECONDS, REST_SECONDS = 0.02, 0.2
#: A wait without progress for this long is given up.
PROGRESS_SECONDS = 60.0


class ProjectionStalledError(Worded, ExpectedFailure, Passing):
    """waited for {what} for {seconds:.0f} s{why}"""

    def __init__(self, what: str, who: str, seconds: float, *, moving: bool = False) -> None:
        why = f": the {who} has not caught up yet, try again" if moving else f" without progress: is the {who} running?"
        super().__init__(what=what, seconds=seconds, why=why)


class Deadline:
    """The deadline shared by several waits; `within` None: never."""

    def __init__(self, within: float | None) -> None:
        self.within = within
        self._end = inf if within is None else asyncio.get_running_loop().time() + within

    @property
    def left(self) -> float:
        return self._end - asyncio.get_running_loop().time()


@dataclass(slots=True, eq=False)
class _Wait:
    """All waits for one target."""

    reached: "asyncio.Future[AnswerOrError[None]]"
    waiters: int = 0
    standing: object = None
    #: The live read models, if the wait is for them and they have another version.
    outdated: Live | None = None
    #: The number of observed moves, and the time of the last, in the loop's time.
    moves: int = 0
    moved_at: float = -inf

    def note(self, standing: object, now: float) -> bool:
        """Note whether there is progress since the last look."""
        moved = self.standing is not None and standing != self.standing
        if moved:
            self.moves, self.moved_at = self.moves + 1, now
        self.standing = standing
        return moved


class EndingError(Worded, ExpectedFailure, Passing):
    """this process is about to end; ask again, another one will answer"""


@dataclass(slots=True, eq=False)
class Watcher:
    """The watcher of a process. Made by `open_watcher`."""

    looker: Looker
    _ends: Mapping[str, TopicEnds]
    _waits: dict[WaitTarget, _Wait] = field(default_factory=dict)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _watching: "asyncio.Task[None] | None" = None
    _look: SharedAnswer[Seen] = field(init=False)
    _is_ending: bool = False

    def __post_init__(self) -> None:
        self._look = SharedAnswer(self.looker.look)

    async def now(self) -> Seen:
        """The present progress, read after this call began. Raises: PostgresUnreachableError, NotMigratedError."""
        return await self._look.get()

    async def ends(self, topic: str, seconds: float = KAFKA_SECONDS) -> dict[int, int]:
        """The ends of the topic's partitions, read after this call began. Raises: KafkaUnreachableError."""
        return await self._ends[topic].get(seconds)

    async def until(self, target: WaitTarget, deadline: Deadline) -> None:
        """Wait until the target is reached.

        Raises: ProjectionStalledError at the deadline, or after PROGRESS_SECONDS without a move;
        OutdatedReadModelsError, if that is the cause; EndingError; errors of looking.
        """
        if self._is_ending:
            raise EndingError
        wait = self._waits.get(target)
        if wait is None:
            wait = self._waits[target] = _Wait(asyncio.get_running_loop().create_future())
            self._woken.set()
            if self._watching is None:
                self._watching = asyncio.create_task(self._watch())
        wait.waiters += 1
        try:
            await _patiently(target, wait, deadline)
        finally:
            wait.waiters -= 1
            if not wait.waiters and self._waits.get(target) is wait:
                del self._waits[target]

    async def _watch(self) -> None:
        pause = LOOK_SECONDS
        try:
            while self._waits:
                self._woken.clear()
                moved = await self._look_once()
                pause = LOOK_SECONDS if moved else min(2 * pause, REST_SECONDS)
                if self._waits:
                    await first_of(pause, self._woken)
                    if self._woken.is_set():
                        pause = LOOK_SECONDS
        finally:
            self._watching = None

    async def _look_once(self) -> bool:
        """Look once; returns whether anything moved that a wait depends on."""
        try:
            seen = await self.now()
        except Exception as error:
            self._fail(error)
            return False
        now, moved = asyncio.get_running_loop().time(), False
        for target, wait in list(self._waits.items()):
            if target.reached(seen):
                del self._waits[target]
                wait.reached.set_result(AnswerOrError())
            else:
                wait.outdated = seen.outdated if target.is_of_read_models else None
                moved = wait.note(target.standing(seen), now) or moved
        return moved

    def _fail(self, error: Exception) -> None:
        for wait in self._waits.values():
            wait.reached.set_result(AnswerOrError(error=error))
        self._waits.clear()

    def end_waiting(self) -> None:
        """End all waits, present and future, because the process is about to end: callers are told to ask again."""
        self._is_ending = True
        self._fail(EndingError())

    async def close(self) -> None:
        """Cancel all remaining waits."""
        if self._watching is not None:
            await cancel_all([self._watching])
        for wait in self._waits.values():
            wait.reached.cancel()
        await self._look.close()
        for ends in self._ends.values():
            await ends.close()
        self.looker.close()


async def _patiently(target: WaitTarget, wait: _Wait, deadline: Deadline) -> None:
    loop = asyncio.get_running_loop()
    begun, moves = loop.time(), wait.moves
    while True:
        patience = max(begun, wait.moved_at) + PROGRESS_SECONDS - loop.time()
        await asyncio.wait((wait.reached,), timeout=max(0.0, min(deadline.left, patience)))
        if wait.reached.done():
            return wait.reached.result().get()
        is_late = deadline.within is not None and deadline.left <= 0
        is_still = max(begun, wait.moved_at) + PROGRESS_SECONDS <= loop.time()
        if (is_late or is_still) and wait.outdated is not None:
            raise OutdatedReadModelsError(wait.outdated)
        if deadline.within is not None and is_late:
            raise ProjectionStalledError(target.what, target.who, deadline.within, moving=wait.moves > moves)
        if is_still:
            raise ProjectionStalledError(target.what, target.who, PROGRESS_SECONDS)


@asynccontextmanager
async def open_watcher(database_url: str, cluster: Cluster) -> AsyncIterator[Watcher]:
    """The watcher of a process for the length of a block; it connects on first use."""
    watcher = Watcher(Looker(database_url), {topic: TopicEnds(cluster, topic) for topic in (USAGE, EVENTS, CATALOG)})
    try:
        yield watcher
    finally:
        await watcher.close()
