"""Carries bill jobs and automatic approvals out in the API's process, and goes on with what a killed process left."""

import asyncio
from datetime import datetime

import structlog

from services.billing.auto_approval import AutoApprover
from services.billing.jobs import BillJob, open_jobs
from services.billing.run import BillRun
from services.failures import Passing
from services.outage import Outage
from services.postgres import Postgres
from services.store.execute import now_of
from services.store.view import load_config

log = structlog.get_logger(__name__)

#: How often to look for jobs that another process left, when nobody wakes the runner.
LOOK_SECONDS = 5.0
#: First key of the advisory lock that a running job holds; the second is the job's sequence.
#: Numbers of locks are unique: 7_217_001 appends, ...002 migrates, ...003 relays, ...004 makes read models.
JOB_LOCK = 7_217_005
_TRY_LOCK = "SELECT pg_try_advisory_lock($1, $2)"


async def organization_time(postgres: Postgres, organization: str) -> datetime:
    """The organization's clock: its test clock, else real time."""
    async with postgres.connection() as connection:
        return now_of(await load_config(connection, organization))


class JobRunner:
    """Runs every open job, one at a time per process, and approves beside it what is over its grace period.

    A lock per job keeps several processes apart; approval needs none.
    """

    def __init__(self, postgres: Postgres, bootstrap: str) -> None:
        self._postgres = postgres
        self._run = BillRun(postgres, bootstrap, self._time)
        self._approver = AutoApprover(postgres, bootstrap)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is a new job."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. What fails for a passing reason is tried again at the next look.

        A job or an approval that fails for another one is noted and does not end the runner; whatever else does is a
        bug of the runner itself and is raised.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._jobs())
            group.create_task(self._approvals())

    async def _approvals(self) -> None:
        outage = Outage("approval_interrupted")
        while True:
            try:
                await self._approver.round()
                outage.over()
            except Passing as error:
                outage.met(error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _jobs(self) -> None:
        outage = Outage("bill_jobs_interrupted")
        while True:
            try:
                async with self._postgres.connection() as connection:
                    jobs = await open_jobs(connection)
                interrupted = [job.id for job in jobs if not await self._passes(job)]
                outage.over()
            except Passing as error:
                outage.met(error)
                interrupted = ["all"]
            if interrupted:
                await asyncio.sleep(1)
                continue
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue
            self._woken.clear()

    async def _passes(self, job: BillJob) -> bool:
        """Carry the job out; False: something that passes by itself interrupted it, so it is to be taken up again."""
        try:
            await self._carry_out(job)
        except Passing as error:
            log.warning("bill_job_interrupted", job=job.id, error=f"{type(error).__name__}: {error}")
            return False
        return True

    async def _carry_out(self, job: BillJob) -> None:
        # The lock is the session's: it goes with the connection, so a killed process never leaves a job locked.
        async with self._postgres.connection() as connection:
            if await connection.fetchval(_TRY_LOCK, JOB_LOCK, job.sequence):
                try:
                    await self._run_job(job)
                finally:
                    await connection.execute("SELECT pg_advisory_unlock($1, $2)", JOB_LOCK, job.sequence)

    async def _run_job(self, job: BillJob) -> None:
        try:
            await self._run.run_job(job)
        except Passing:
            raise
        except Exception as error:
            log.exception("bill_job_failed", organization=job.organization, job=job.id)
            await self._run.give_up(job, error)

    async def _time(self, organization: str) -> datetime:
        return await organization_time(self._postgres, organization)
