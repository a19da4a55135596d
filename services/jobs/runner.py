"""The loop that carries jobs out in the API's process, and goes on with what a killed process left."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Generic

from events.codec import NewerRecordError
from services.concurrency import first_of
from services.failures import Passing
from services.jobs.locks import JobLocks
from services.jobs.table import J, JobTable
from services.outage import Outage, Outages
from services.postgres import Postgres
from services.postgres.locks import Lock

#: How often to look for jobs that another process left, when nobody wakes the runner.
LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class JobKind(Generic[J]):
    """Jobs that are alike. `lock`: the one of each; `organizations_at_once`: whose jobs a process takes up
    beside each other; `interrupted`: what its log says of one organization's jobs, `unseen` if it cannot look for any.
    """

    table: JobTable[J]
    lock: Lock
    organizations_at_once: int
    interrupted: str
    unseen: str


class JobRunner(Generic[J]):
    """Runs the open jobs: organizations side by side, those of one organization one after the other. A lock per job
    keeps several processes apart.

    `every`: connections on which it is asked whose jobs there are; `carry_out` does one of them to its end. What passes
    by itself may interrupt that, and it is called again; whatever else it raises ends the runner.
    """

    def __init__(self, kind: JobKind[J], every: Postgres, carry_out: Callable[[J], Awaitable[None]]) -> None:
        self._kind, self._every, self._carry_out = kind, every, carry_out
        self._locks = JobLocks(every.url, kind.lock)
        self._woken = asyncio.Event()
        #: Organizations whose jobs are being carried out.
        self._busy = set[str]()
        self._unseen, self._interrupted = Outage(kind.unseen), Outages(kind.interrupted)

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
                jobs = await self._kind.table.open(connection)
            self._unseen.over()
        except Passing as error:
            self._unseen.met(error)
            return
        for organization, theirs in groupby(jobs, key=lambda job: job.organization):
            if organization not in self._busy and len(self._busy) < self._kind.organizations_at_once:
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
                self._interrupted.over(organization)
        except (Passing, NewerRecordError) as error:
            all_of_others = False
            await asyncio.sleep(self._interrupted.met(organization, error))
        self._busy.discard(organization)
        if not all_of_others:
            self._woken.set()
