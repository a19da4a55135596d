"""A stint: what the processes of one machine do of a work that several machines do together."""

import asyncio
import time
from collections.abc import Hashable
from typing import Generic
from uuid import uuid4

from services.apart.board import Board, Form, WorkGoneError
from services.apart.crew import Crew
from services.apart.work import (
    BrokenFoldError,
    FoldFailedError,
    FoldInterruptedError,
    J,
    R,
    Servers,
    Work,
)
from services.concurrency import all_or_none
from services.failures import ExpectedFailure, Worded
from services.postgres import Postgres

LOOK_SECONDS = 1.0
#: For how long a machine may give no sign of life. It gives one each second from a process that folds nothing.
SILENT_SECONDS = 60.0


#: How a failure is written down, and raised where the results are waited for.
FAILURES = {raised.__name__: raised for raised in (FoldFailedError, FoldInterruptedError, BrokenFoldError)}


class MachineStoppedError(Worded, ExpectedFailure):
    """a machine that folded partitions was told to stop; nothing that it filled is used"""


class Signs:
    """Signs of life, which are counted where they are given, so that no two clocks are compared."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[int, float]] = {}

    def is_silent(self, whose: Hashable, beats: int) -> bool:
        """Whether the number of signs has been the same for SILENT_SECONDS."""
        now = time.monotonic()
        before, since = self._last.get(whose, (None, now))
        if before != beats:
            since = now
        self._last[whose] = (beats, since)
        return now - since > SILENT_SECONDS


class Stint(Generic[J, R]):
    """Takes parts until none is left, and says each second how far they are. Each stint has a name of its own."""

    def __init__(
        self, postgres: Postgres, form: Form[J, R], id: int, work: Work[J, R], servers: Servers, jobs: int, most: int
    ) -> None:
        self.board = Board(postgres, form, id, uuid4().hex)
        self._crew = Crew(work, servers, jobs, most)
        #: Its open parts, with the records that were folded of each before.
        self._before: dict[int, int] = {}
        self._signs = Signs()

    async def run(self, *, leads: bool) -> None:
        """Raises: WorkGoneError if the work has ended or failed, or, unless this machine `leads` itself, its leader
        gives no sign of life; as `Crew.work_off`.
        """
        async with all_or_none([self._tell(leads), self._crew.work_off(self)]) as (telling, working):
            await asyncio.wait((telling, working), return_when=asyncio.FIRST_COMPLETED)
            await (working if working.done() else telling)

    async def fail(self, error: Exception) -> None:
        """End the whole work with an error of this machine, unless all that it took is done or another's."""
        raised = type(error).__name__ if type(error).__name__ in FAILURES else FoldFailedError.__name__
        await self.board.fail(raised, str(error))

    async def give_up(self) -> None:
        """Let others go on with what it took, or end the whole work."""
        if self.board.form.goes_on:
            await self.board.put_back(self.board.me)
        else:
            await self.fail(MachineStoppedError())

    async def take(self) -> tuple[int, J] | None:
        """As `Source`."""
        taken = await self.board.take()
        if taken is None:
            return None
        part, job, before = taken
        self._before[part] = before
        return part, job

    async def leave(self, number: int, result: R) -> None:
        """As `Source`."""
        await self.board.leave(number, result, self._folded(number))
        del self._before[number]

    def _folded(self, part: int) -> int:
        return self._before[part] + int(self._crew.counted[part])

    async def _tell(self, leads: bool) -> None:
        while True:
            beats = await self.board.report({part: self._folded(part) for part in self._before})
            if not leads and self._signs.is_silent(None, beats):
                raise WorkGoneError
            await asyncio.sleep(LOOK_SECONDS)
