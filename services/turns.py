"""Turns at something scarce, fair by organization: who asks for much waits behind its own requests, not before others'.

Waiting costs a future. Organizations that wait take turns: each that is below its share gets one, then the next.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.failures import ExpectedFailure, Passing

#: As long as clients wait for an answer; by then nobody listens.
WAIT_SECONDS = 60.0


class NoTurnError(ExpectedFailure, Passing):
    """{whose} has waited {seconds} s for its turn at {what}: too much is asked at once, try again later."""

    def __init__(self, whose: str, what: str, seconds: float) -> None:
        who = f"organization {whose}" if whose else "this process"
        super().__init__(
            f"{who} has waited {seconds:.0f} s for its turn at {what}: too much is asked at once, try again later"
        )


class Turns:
    """At most `most` turns at once, at most `share` of them of one organization; `what` they are at is for messages."""

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
