"""Runs bill jobs and automatic approvals in the API's process.

Organizations are processed side by side, as many as have a place here. An organization's wait delays no other
organization with a place, or about to get one (`services/jobs/runner.py`). Their billing takes turns, page by page.
"""

import asyncio
from datetime import datetime

import structlog

from services.billing.approving import AutoApprover
from services.billing.jobs import BILL_JOBS, BillJob
from services.billing.run import BillRun
from services.concurrency import Turns
from services.failures import INTERRUPTIONS, Passing
from services.jobs.runner import JobRunner
from services.outage import Outage, Outages
from services.postgres import Postgres
from services.readside.waiter import Waiter
from services.readside.watching import Watcher
from services.sight.tracing import TRACES
from services.store.execute import organization_time

log = structlog.get_logger(__name__)

#: How often to look for bills whose grace period is over.
LOOK_SECONDS = 5.0
#: Pages of bills, or bills to approve, that a process settles at once; organizations take turns page by page.
PAGES_AT_ONCE = 4
#: Most organizations whose jobs a process runs at once, because it holds a lock for each; and most whose bills it
#: approves, because each needs a connection beside the requests.
ORGANIZATIONS_AT_ONCE, APPROVALS_AT_ONCE = 200, 50


class BillRunner:
    """Runs bill jobs, and approves bills whose grace period is over; several processes may approve at once.

    `every`: connections for finding the next organization; the work for an organization uses the organization's own.
    """

    def __init__(self, postgres: Postgres, every: Postgres, watcher: Watcher) -> None:
        self._postgres, self._waiter = postgres, Waiter(watcher)
        self._turns = Turns("the settling of bills", PAGES_AT_ONCE, share=1, within=None)
        self._jobs = JobRunner(BILL_JOBS, every, self._carry_out, "bill_job", ORGANIZATIONS_AT_ONCE)
        self._approver = AutoApprover(postgres, every, self._waiter, self._turns)
        #: Organizations whose bills are being approved, with the resource they wait for.
        self._busy, self._outages = set[str](), Outages("approval_interrupted")
        self._at_once = asyncio.Semaphore(APPROVALS_AT_ONCE)

    def wake(self) -> None:
        """Wake the runner for a new job."""
        self._jobs.wake()

    async def run(self) -> None:
        """Run until cancelled. Temporary failures are tried again at the next look.

        A permanent failure of a job or an approval is noted and does not end the runner; any other failure is a bug of
        the runner itself and is raised.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._jobs.run())
            group.create_task(self._look_for_approvals(group))

    async def _carry_out(self, job: BillJob) -> None:
        run = BillRun(self._postgres.of(job.organization), self._waiter, self._time, self._turns)
        try:
            about = {"trueup.organization": job.organization, "trueup.job": job.id}
            with TRACES.work("bill job", about, asked_as=job.id):
                await run.run_job(job)
        except INTERRUPTIONS:
            raise
        except Exception as error:
            log.exception("bill_job_failed", organization=job.organization, job=job.id)
            await run.give_up(job, error)

    async def _look_for_approvals(self, group: asyncio.TaskGroup) -> None:
        outage = Outage("approvals_interrupted")
        while True:
            try:
                for organization in await self._approver.organizations():
                    if organization not in self._busy:
                        await self._at_once.acquire()
                        self._busy.add(organization)
                        group.create_task(self._approve(organization))
                outage.over()
            except Passing as error:
                outage.met(error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _approve(self, organization: str) -> None:
        try:
            await self._approver.approve_due(organization)
            self._outages.over(organization)
        except Passing as error:
            self._outages.met(organization, error)
        finally:
            self._busy.discard(organization)
            self._at_once.release()

    async def _time(self, organization: str) -> datetime:
        return await organization_time(self._postgres.of(organization), organization)
