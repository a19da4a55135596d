"""A stint: what the processes of one machine do of a work that several machines do together."""

import asyncio
import os
import platform
from collections.abc import Hashable
from typing import Generic
from uuid import uuid4

from services.apart.board import LOOK_SECONDS, Board
from services.apart.claims import Claim
from services.apart.crew import Crew
from services.apart.work import BrokenFoldError, FoldFailedError, FoldInterruptedError, Form, J, R, Servers, Work
from services.concurrency import all_or_none
from services.failures import ExpectedFailure, Worded
from services.postgres import Postgres
from services.sight.pulse import PULSE

#: For how many looks of the leader, a second apart, a machine may give no sign of life. It gives one each second, from
#: a process that folds nothing. It is less than a statement may take, so that whoever waits for a lock of the one that
#: stands still gets it in time.
SILENT_LOOKS = 30
#: How a failure is written down, and raised where the results are waited for.
FAILURES = {raised.__name__: raised for raised in (FoldFailedError, FoldInterruptedError, BrokenFoldError)}


class MachineStoppedError(Worded, ExpectedFailure):
    """{machine} folded partitions and was told to stop; nothing that it filled is used"""


class Signs:
    """Signs of life, counted where they are given and looked at elsewhere. Looks are counted, not seconds, so that no
    two clocks are compared, and who was paused itself finds nobody silent.
    """

    def __init__(self) -> None:
        #: By giver: the number of signs, and the looks since it last changed.
        self._seen: dict[Hashable, tuple[int, int]] = {}

    def look(self, whose: Hashable, beats: int) -> bool:
        """Look at a number of signs; returns whether it has been the same for more than SILENT_LOOKS."""
        before, looks = self._seen.get(whose, (None, 0))
        looks = looks + 1 if before == beats else 0
        self._seen[whose] = (beats, looks)
        return looks > SILENT_LOOKS


class Stint(Generic[J, R]):
    """Takes parts until all are done, whoever did them, and says each second how far they are. Each stint has a name of
    its own: that of the machine, its process, and a few random digits.
    """

    def __init__(
        self, postgres: Postgres, form: Form[J, R], id: int, work: Work[J, R], servers: Servers, jobs: int, most: int
    ) -> None:
        self.me = f"{platform.node()[:30]}/{os.getpid()}/{uuid4().hex[:8]}"
        self._board = Board(postgres, form, id, self.me)
        self._crew = Crew(work, servers._replace(claim=Claim(id, 0, self.me)), jobs, min(most, jobs))
        #: Its open parts, with the records that were folded of each before.
        self._before: dict[int, int] = {}
        self._taking = asyncio.Lock()

    async def run(self, *, leads: bool) -> None:
        """Raises: PartLostError; WorkGoneError if the work has ended or failed, or, unless this machine `leads` itself,
        nobody leads it any more; as `Crew.work_off`.
        """
        async with all_or_none([self._tell(leads), self._crew.work_off(self)]) as (telling, working):
            await asyncio.wait((telling, working), return_when=asyncio.FIRST_COMPLETED)
            await (working if working.done() else telling)

    @property
    def has_parts(self) -> bool:
        """Whether it has taken parts that are not done."""
        return bool(self._before)

    async def fail(self, error: Exception) -> bool:
        """End the whole work with an error of this machine, unless all that it took is done or another's. Returns
        whether it ended.
        """
        raised = type(error).__name__ if type(error).__name__ in FAILURES else FoldFailedError.__name__
        return await self._board.fail([*self._before], raised, str(error))

    async def give_up(self) -> None:
        """Let others go on with what it took, or end the whole work."""
        if not self._board.form.goes_on:
            await self.fail(MachineStoppedError(machine=self.me))
            return
        left = set(self._before)
        while left:
            left -= set(await self._board.put_back(self.me))
            await asyncio.sleep(LOOK_SECONDS / 10 if left else 0)

    async def take(self) -> tuple[int, J] | None:
        """As `Source`. What others have may be put back, so it waits until all is done."""
        while (taken := await self._take()) is None:
            if not await self._board.is_unfinished():
                return None
            await asyncio.sleep(LOOK_SECONDS)
        return taken

    async def _take(self) -> tuple[int, J] | None:
        # One after the other: what one process is just taking is not known to be this stint's yet.
        async with self._taking:
            taken = await self._board.take([*self._before])
            if taken is None:
                return None
            part, job, before = taken
            self._before[part] = before
            return part, job

    async def leave(self, number: int, result: R) -> None:
        """As `Source`. Raises: PartLostError."""
        await self._board.leave(number, result, self._folded(number))
        del self._before[number]

    def _folded(self, part: int) -> int:
        return self._before[part] + int(self._crew.counted[part])

    async def _tell(self, leads: bool) -> None:
        while True:
            PULSE.went_round()
            if not leads:
                await self._board.check_led()
            await self._board.report({part: self._folded(part) for part in self._before})
            await asyncio.sleep(LOOK_SECONDS)
