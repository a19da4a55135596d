"""Carries bill jobs and automatic approvals out in the API's process, and goes on with what a killed process left."""

import asyncio
from datetime import datetime

import asyncpg
import structlog

from services.billing.auto_approval import AutoApprover
from services.billing.jobs import BillJob, open_jobs
from services.billing.progress import ProjectionStalledError
from services.billing.run import BillRun
from services.postgres import Postgres, PostgresUnreachableError
from services.store.execute import now_of
from services.store.view import load_config
from services.worker import TRANSIENT

log = structlog.get_logger(__name__)

#: How often to look for jobs that another process left, when nobody wakes the runner.
LOOK_SECONDS = 5.0
#: First key of the advisory lock that a running job holds; the second is the job's sequence.
JOB_LOCK = 7_217_003
_TRY_LOCK = "SELECT pg_try_advisory_lock($1, $2)"

#: What passes by itself: the job stays open and is taken up again. A bug is no such thing and ends the runner.
_PASSING = (*TRANSIENT, PostgresUnreachableError, ProjectionStalledError, asyncpg.QueryCanceledError)


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
        """Until cancelled. What fails for a passing reason is tried again at the next look."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._jobs())
            group.create_task(self._approvals())

    async def _approvals(self) -> None:
        while True:
            try:
                await self._approver.round()
            except _PASSING as error:
                log.warning("approval_interrupted", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _jobs(self) -> None:
        while True:
            try:
                async with self._postgres.connection() as connection:
                    jobs = await open_jobs(connection)
                for job in jobs:
                    await self._carry_out(job)
            except _PASSING as error:
                log.warning("bill_job_interrupted", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(1)
                continue
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue
            self._woken.clear()

    async def _carry_out(self, job: BillJob) -> None:
        # The lock is the session's: it goes with the connection, so a killed process never leaves a job locked.
        async with self._postgres.connection() as connection:
            if await connection.fetchval(_TRY_LOCK, JOB_LOCK, job.sequence):
                try:
                    await self._run.run_job(job)
                finally:
                    await connection.execute("SELECT pg_advisory_unlock($1, $2)", JOB_LOCK, job.sequence)

    async def _time(self, organization: str) -> datetime:
        return await organization_time(self._postgres, organization)
