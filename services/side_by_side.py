"""Work for organizations, side by side: what one has to be done, waits for, or fails at is in no other's way."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog

from services.concurrency import run_together
from services.interruptions import INTERRUPTIONS
from services.outage import Outages
from services.sight.metrics import WAITS

log = structlog.get_logger(__name__)

#: How long an organization, or one thing of its, rests whose work failed for a reason that does not pass by itself.
REST_SECONDS = 60.0


class SideBySide:
    """Does `work` for the organizations that are asked for: of each one task at a time, `most` of them at once.

    `work` does a bounded part, and returns whether there is more: that is done behind the organizations that wait. Who
    is asked for meanwhile is seen to once more from the beginning. What interrupts is waited out; work that fails
    for another reason is a bug that costs its organization only: it rests, and is tried again. `event`: what the log
    calls either.
    """

    def __init__(self, event: str, most: int, work: Callable[[str], Awaitable[bool]]) -> None:
        self._event, self._most, self._work = event, most, work
        self._queue = asyncio.Queue[str]()
        #: Who waits, is seen to or rests; of these, who was asked for since, and of whom a part is done.
        self._taken, self._asked, self._amid = set[str](), set[str](), set[str]()
        #: What organizations wait for, and when those that rest are woken.
        self._outages, self._resting = Outages(event), dict[str, asyncio.TimerHandle]()

    def ask(self, organizations: Iterable[str]) -> None:
        """There is, or may be, something to do for these."""
        for organization in organizations:
            self._asked.add(organization)
            if organization not in self._taken:
                self._taken.add(organization)
                self._queue.put_nowait(organization)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await run_together(*(self._see_to_one_after_the_other() for _ in range(self._most)))
        finally:
            for handle in self._resting.values():
                handle.cancel()

    async def _see_to_one_after_the_other(self) -> None:
        while True:
            organization = await self._queue.get()
            if organization not in self._amid:
                self._asked.discard(organization)
            await self._see_to(organization)

    async def _see_to(self, organization: str) -> None:
        try:
            has_more = await self._work(organization)
        except INTERRUPTIONS as error:
            self._rest(organization, self._outages.met(organization, error))
            return
        except Exception:
            WAITS.labels(self._event).inc()
            log.exception(self._event, organization=organization)
            self._rest(organization, REST_SECONDS)
            return
        self._outages.over(organization)
        if has_more:
            self._amid.add(organization)
        else:
            self._amid.discard(organization)
        if has_more or organization in self._asked:
            self._queue.put_nowait(organization)
        else:
            self._taken.discard(organization)

    def _rest(self, organization: str, seconds: float) -> None:
        """It stays taken, so nobody asks in vain for it meanwhile."""
        self._resting[organization] = asyncio.get_running_loop().call_later(seconds, self._wake, organization)

    def _wake(self, organization: str) -> None:
        del self._resting[organization]
        self._queue.put_nowait(organization)


class Resting:
    """Things that failed for a reason that does not pass by itself, by id, each until its rest is over."""

    def __init__(self) -> None:
        self._until = dict[str, float]()

    def add(self, id: str) -> None:
        """It has just failed."""
        self._until[id] = time.monotonic() + REST_SECONDS

    def ids(self) -> list[str]:
        """Those that rest now."""
        now = time.monotonic()
        self._until = {id: until for id, until in self._until.items() if until > now}
        return list(self._until)
