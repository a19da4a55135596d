"""The loop that runs jobs in the API's process, and resumes those of a killed process."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import groupby
from math import inf
from operator import attrgetter
from typing import Generic

from services.concurrency import cancel_all, first_of
from services.failures import Passing
from services.interruptions import INTERRUPTIONS
from services.jobs.locks import JobLocks
from services.jobs.table import J, JobTable
from services.outage import Outage, Outages
from services.postgres import Postgres

#: Interval of looks for another process's unfinished jobs, when nobody wakes the runner.
LOOK_SECONDS = 5.0


class JobRunner(Generic[J]):
    """Runs the open jobs: organizations side by side, those of one organization one after the other. A lock per job
    keeps several processes apart.

    Organizations queue for `at_once` places, longest waiting first. An organization whose jobs all belong to another
    process, or were interrupted, gives its place back at once and queues again a little later, behind all that waited
    by then; so no organization waits for ever.

    `every`: connections for finding jobs; `carry_out` runs one job to its end. It may raise INTERRUPTIONS, and is
    called again; any other error ends the runner. `event`: the log's name for a job; `at_once`: for how many
    organizations the process runs jobs.
    """

    def __init__(
        self, table: JobTable[J], every: Postgres, carry_out: Callable[[J], Awaitable[None]], event: str, at_once: int
    ) -> None:
        self._table, self._every, self._carry_out, self._at_once = table, every, carry_out, at_once
        self._locks = JobLocks(every.url, table.lock)
        self._woken = asyncio.Event()
        #: Organizations whose jobs are running, with the resource they wait for; and the resource that looking for jobs
        #: waits for.
        self._busy, self._outages = set[str](), Outages(f"{event}_interrupted")
        self._looking = Outage(f"{event}s_interrupted")
        #: The tasks that run them, and the error of one that ends the runner.
        self._running = set[asyncio.Task[None]]()
        self._bug: BaseException | None = None
        #: Since when an organization without a place has waited for one, by the monotonic clock; or from when on it
        #: will wait.
        self._since = dict[str, float]()
        #: Jobs of another process, by sequence, and until when they are not tried again.
        self._foreign = dict[int, float]()

    def wake(self) -> None:
        """Wake the runner for a new job."""
        self._woken.set()

    async def run(self) -> None:
        """Run until cancelled. Temporary failures are tried again at the next look."""
        try:
            while True:
                self._woken.clear()
                await self._look()
                await first_of(self._pause(), self._woken)
                if self._bug is not None:
                    raise self._bug
        finally:
            await cancel_all(self._running)
            self._locks.close()

    async def _look(self) -> None:
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
                return  # a place that is given back causes another look
            self._busy.add(organization)
            tried = asyncio.Event()
            task = asyncio.create_task(self._carry_out_all(organization, theirs[organization], tried))
            self._running.add(task)
            task.add_done_callback(self._ended)
            await first_of(inf, tried, futures=[task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._bug = error
            self._woken.set()

    def _queue(self, organizations: Iterable[str], now: float) -> list[str]:
        """Organizations with jobs and without a place that want one now, longest waiting first."""
        waiting = [organization for organization in organizations if organization not in self._busy]
        self._since = {organization: self._since.get(organization, now) for organization in waiting}
        return sorted((one for one in waiting if self._since[one] <= now), key=self._since.__getitem__)

    def _pause(self) -> float:
        """Seconds until the next look, unless a notification comes before."""
        now = time.monotonic()
        return min(
            (at - now for at in (*self._since.values(), *self._foreign.values()) if at > now), default=LOOK_SECONDS
        )

    async def _carry_out_all(self, organization: str, jobs: Iterable[J], tried: asyncio.Event) -> None:
        """Run the jobs of one organization, in order; new or interrupted jobs wait for a later look.

        `tried` is set once a job is locked by us, or none is. Another look follows at once, unless none was.
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
