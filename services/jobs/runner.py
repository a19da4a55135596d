"""The loop that carries jobs out in the API's process, and goes on with what a killed process left."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import groupby
from operator import attrgetter
from typing import Generic

from services.concurrency import first_of
from services.failures import Passing
from services.interruptions import INTERRUPTIONS
from services.jobs.locks import JobLocks
from services.jobs.table import J, JobTable
from services.outage import Outage, Outages
from services.postgres import Postgres

#: How often to look for jobs that another process left, when nobody wakes the runner.
LOOK_SECONDS = 5.0


class JobRunner(Generic[J]):
    """Runs the open jobs: organizations side by side, those of one organization one after the other. A lock per job
    keeps several processes apart.

    Organizations queue for `at_once` places, who waits for the longest time first. One whose jobs are all another
    process's, or were interrupted, gives its place back at once and queues anew, from a little later on: it comes
    behind whoever waited by then, so however many of those there are, nobody waits for ever.

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
        #: Since when an organization that has no place waits for one, by the monotonic clock; or from when on it will.
        self._since = dict[str, float]()
        #: Jobs that another process has, by sequence, and until when they are not asked for.
        self._foreign = dict[int, float]()

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
                    await first_of(self._pause(), self._woken)
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
        now = time.monotonic()
        self._foreign = {sequence: until for sequence, until in self._foreign.items() if until > now}
        wanted = (job for job in jobs if job.sequence not in self._foreign)
        theirs = {organization: list(some) for organization, some in groupby(wanted, attrgetter("organization"))}
        for organization in self._queue(theirs, now):
            if len(self._busy) >= self._at_once:
                return  # whoever gives a place back has it looked once more
            self._busy.add(organization)
            tried = asyncio.Event()
            group.create_task(self._carry_out_all(organization, theirs[organization], tried))
            await tried.wait()

    def _queue(self, organizations: Iterable[str], now: float) -> list[str]:
        """Of those that have jobs and no place the ones that want one now, who waits for the longest time first."""
        waiting = [organization for organization in organizations if organization not in self._busy]
        self._since = {organization: self._since.get(organization, now) for organization in waiting}
        return sorted((one for one in waiting if self._since[one] <= now), key=self._since.__getitem__)

    def _pause(self) -> float:
        """Seconds until the next look, unless something is told before."""
        now = time.monotonic()
        return min(
            (at - now for at in (*self._since.values(), *self._foreign.values()) if at > now), default=LOOK_SECONDS
        )

    async def _carry_out_all(self, organization: str, jobs: Iterable[J], tried: asyncio.Event) -> None:
        """The jobs of one organization, in order; what comes meanwhile, or is interrupted, at a later look.

        `tried` is set once a job is ours, or none is. Another look follows at once, unless none was.
        """
        is_soon, rest = False, 0.0
        try:
            for job in jobs:
                async with self._locks.holding(job.sequence) as is_ours:
                    if is_ours:
                        is_soon = True
                        tried.set()
                        await self._carry_out(job)
                    else:
                        self._foreign[job.sequence] = time.monotonic() + LOOK_SECONDS
                self._outages.over(organization)
        except INTERRUPTIONS as error:
            is_soon, rest = True, self._outages.met(organization, error)
        self._busy.discard(organization)
        self._since[organization] = time.monotonic() + rest
        if is_soon:
            self._woken.set()
        tried.set()
