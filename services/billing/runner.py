"""Carries bill jobs and automatic approvals out in the API's process, and goes on with what a killed process left.

Organizations are worked on side by side: what one has to bill, or waits for, delays no other.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from itertools import groupby

import structlog

from events.codec import NewerRecordError
from services.billing.approving import AutoApprover
from services.billing.jobs import BillJob, open_jobs
from services.billing.run import BillRun
from services.concurrency import Turns
from services.failures import Passing
from services.outage import Outage
from services.postgres import OwnConnection, Postgres, PostgresUnreachableError, Role
from services.readside.waiter import Waiter
from services.readside.watching import Watcher
from services.sight.tracing import TRACES
from services.store.execute import organization_time

log = structlog.get_logger(__name__)

#: How often to look for jobs that another process left, when nobody wakes the runner.
LOOK_SECONDS = 5.0
#: Pages of bills, or bills to approve, that a process settles at once; organizations take turns page by page.
PAGES_AT_ONCE = 4
#: Organizations whose jobs a process has taken up: it holds a lock for each. And those it approves bills of: each asks
#: for a connection, beside the requests.
ORGANIZATIONS_AT_ONCE, APPROVALS_AT_ONCE = 200, 50
#: First key of the advisory lock that a running job holds; the second is the job's sequence.
#: Numbers of locks are unique: 7_217_001 appends, ...002 migrates, ...003 relays, ...004 makes read models,
#: ...006 mends log or store, ...007 adds files of exports, ...008 is of jobs that export.
JOB_LOCK = 7_217_005
_TRY_LOCK = "SELECT pg_try_advisory_lock($1, $2)"
_UNLOCK = "SELECT pg_advisory_unlock($1, $2)"


class JobLocks:
    """The locks of a process, all in one session: a job may wait for long, and holds no connection of the pool.

    They go with the session, so a killed process never leaves a job locked. Should the session be lost under a running
    job, another process may take the job up as well: bills are issued once all the same, the lock only spares the work.
    """

    def __init__(self, database_url: str, number: int = JOB_LOCK) -> None:
        self._session, self._number = OwnConnection(database_url, Role.WATCH), number

    @asynccontextmanager
    async def holding(self, sequence: int) -> AsyncIterator[bool]:
        """Whether the job is ours for the length of the block. Raises: PostgresUnreachableError."""
        async with self._session.use() as connection:
            is_ours = bool(await connection.fetchval(_TRY_LOCK, self._number, sequence))
        try:
            yield is_ours
        finally:
            if is_ours:
                with suppress(PostgresUnreachableError):  # then the lock went with the session
                    async with self._session.use() as connection:
                        await connection.execute(_UNLOCK, self._number, sequence)

    def close(self) -> None:
        """Let the session go, and every lock with it."""
        self._session.close()


class JobRunner:
    """Runs the open jobs, those of one organization one after the other, and approves what is over its grace period.

    A lock per job keeps several processes apart; approval needs none. `every`: connections on which it is asked whose
    turn it is; what is done for an organization is done on its own.
    """

    def __init__(self, postgres: Postgres, every: Postgres, watcher: Watcher) -> None:
        self._postgres, self._every, self._waiter = postgres, every, Waiter(watcher)
        self._locks = JobLocks(postgres.url)
        self._turns = Turns("the settling of bills", PAGES_AT_ONCE, share=1, within=None)
        self._approver = AutoApprover(postgres, every, self._waiter, self._turns)
        self._woken = asyncio.Event()
        #: Organizations whose jobs, and whose approvals, are being carried out.
        self._jobs_of, self._approvals_of = set[str](), set[str]()
        #: What they wait for, by event and organization, from the first failure until it is over.
        self._outages = dict[tuple[str, str], Outage]()
        self._approvals = asyncio.Semaphore(APPROVALS_AT_ONCE)

    def wake(self) -> None:
        """There is a new job."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. What fails for a passing reason is tried again at the next look.

        A job or an approval that fails for another one is noted and does not end the runner; whatever else does is a
        bug of the runner itself and is raised.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._look_for_jobs(group))
                group.create_task(self._look_for_approvals(group))
        finally:
            self._locks.close()

    async def _look_for_jobs(self, group: asyncio.TaskGroup) -> None:
        outage = Outage("bill_jobs_interrupted")
        while True:
            self._woken.clear()
            try:
                async with self._every.connection() as connection:
                    jobs = await open_jobs(connection)
                outage.over()
            except Passing as error:
                outage.met(error)
                jobs = []
            for organization, theirs in groupby(jobs, key=lambda job: job.organization):
                if organization not in self._jobs_of and len(self._jobs_of) < ORGANIZATIONS_AT_ONCE:
                    _start(group, self._jobs_of, organization, self._carry_out_all(list(theirs)))
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _carry_out_all(self, jobs: list[BillJob]) -> None:
        """The jobs of one organization, in order; what comes meanwhile, or is interrupted, at the next look."""
        outcomes = []
        for job in jobs:
            outcomes.append(await self._passes(job))
            if outcomes[-1] is None:
                break
        # If all of them are another process's, there is no hurry.
        if any(outcome is not False for outcome in outcomes):
            self._woken.set()

    async def _passes(self, job: BillJob) -> bool | None:
        """Whether the job was carried out; False: another process has it.

        None: something that passes by itself interrupted it, so it is to be taken up again, after a pause.
        """
        try:
            async with self._locks.holding(job.sequence) as is_ours:
                if is_ours:
                    await self._run_job(job)
            self._over("bill_job_interrupted", job.organization)
            return is_ours
        except (Passing, NewerRecordError) as error:
            await asyncio.sleep(self._met("bill_job_interrupted", job.organization, error))
            return None

    def _met(self, event: str, organization: str, error: Exception) -> float:
        """An organization's work was interrupted: said once, however often it is tried. Returns: how long to pause."""
        return self._outages.setdefault((event, organization), Outage(event, organization=organization)).met(error)

    def _over(self, event: str, organization: str) -> None:
        if (outage := self._outages.pop((event, organization), None)) is not None:
            outage.over()

    async def _run_job(self, job: BillJob) -> None:
        run = BillRun(self._postgres.of(job.organization), self._waiter, self._time, self._turns)
        try:
            about = {"trueup.organization": job.organization, "trueup.job": job.id}
            with TRACES.work("bill job", about, asked_as=job.id):
                await run.run_job(job)
        except Passing:
            raise
        except Exception as error:
            log.exception("bill_job_failed", organization=job.organization, job=job.id)
            await run.give_up(job, error)

    async def _look_for_approvals(self, group: asyncio.TaskGroup) -> None:
        outage = Outage("approvals_interrupted")
        while True:
            try:
                for organization in await self._approver.organizations():
                    if organization not in self._approvals_of:
                        await self._approvals.acquire()
                        _start(group, self._approvals_of, organization, self._approve(organization))
                outage.over()
            except Passing as error:
                outage.met(error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _approve(self, organization: str) -> None:
        try:
            await self._approver.approve_due(organization)
            self._over("approval_interrupted", organization)
        except Passing as error:
            self._met("approval_interrupted", organization, error)
        finally:
            self._approvals.release()

    async def _time(self, organization: str) -> datetime:
        return await organization_time(self._postgres.of(organization), organization)


def _start(group: asyncio.TaskGroup, busy: set[str], organization: str, work: Coroutine[None, None, None]) -> None:
    """Do the work beside everything else; until it is done, the organization is busy."""
    busy.add(organization)
    group.create_task(work).add_done_callback(lambda _: busy.discard(organization))
