"""The loop that carries jobs out in the API's process, and goes on with what a killed process left."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import groupby
from operator import attrgetter
from typing import Generic

from services.concurrency import first_of
from services.failures import INTERRUPTIONS, Passing
from services.jobs.locks import JobLocks
from services.jobs.table import J, JobTable
from services.outage import Outage, Outages
from services.postgres import Postgres

#: How often to look for jobs that another process left, when nobody wakes the runner.
LOOK_SECONDS = 5.0


class JobRunner(Generic[J]):
    """Runs the open jobs: organizations side by side, those of one organization one after the other. A lock per job
    keeps several processes apart.

    `every`: connections on which it is asked whose jobs there are; `carry_out` does one of them to its end. It may
    raise INTERRUPTIONS, and is called again; whatever else it raises ends the runner. `event`: what the log
    calls a job; `at_once`: of how many organizations the process takes jobs up.
    """

    def __init__(
        self, table: JobTable[J], every: Postgres, carry_out: Callable[[J], Awaitable[None]], event: str, at_once: int
    ) -> None:
        self._table, self._every, self._carry_out, self._at_once = table, every, carry_out, at_once
        self._locks = JobLocks(every.url, table.lock)
        self._woken = asyncio.Event()
        #: Organizations whose jobs are being carried out, and what they wait for; what looking for jobs waits for.
        self._busy, self._outages = set[str](), Outages(f"{event}_interrupted")
        self._looking = Outage(f"{event}s_interrupted")

    def wake(self) -> None:
        """There is a new job."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. What fails for a passing reason is tried again at the next look."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._woken.clear()
                    await self._look(group)
                    await first_of(LOOK_SECONDS, self._woken)
        finally:
            self._locks.close()

    async def _look(self, group: asyncio.TaskGroup) -> None:
        try:
            async with self._every.connection() as connection:
                jobs = await self._table.open(connection)
            self._looking.over()
        except Passing as error:
            self._looking.met(error)
            return
        for organization, theirs in groupby(jobs, attrgetter("organization")):
            if organization not in self._busy and len(self._busy) < self._at_once:
                self._busy.add(organization)
                group.create_task(self._carry_out_all(organization, list(theirs)))

    async def _carry_out_all(self, organization: str, jobs: Iterable[J]) -> None:
        """The jobs of one organization, in order; what comes meanwhile, or is interrupted, at the next look.

        That is at once, unless all of them are another process's: then there is no hurry.
        """
        all_of_others = True
        try:
            for job in jobs:
                async with self._locks.holding(job.sequence) as is_ours:
                    if is_ours:
                        all_of_others = False
                        await self._carry_out(job)
                self._outages.over(organization)
        except INTERRUPTIONS as error:
            all_of_others = False
            await asyncio.sleep(self._outages.met(organization, error))
        self._busy.discard(organization)
        if not all_of_others:
            self._woken.set()
