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
from services.concurrency import Turns, run_together
from services.failures import Passing
from services.interruptions import INTERRUPTIONS
from services.jobs.runner import JobRunner
from services.outage import Outage
from services.postgres import Postgres
from services.readside.waiter import Waiter
from services.readside.watching import Watcher
from services.side_by_side import SideBySide
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
        self._approving = SideBySide("approval_interrupted", APPROVALS_AT_ONCE, self._approve)

    def wake(self) -> None:
        """Wake the runner for a new job."""
        self._jobs.wake()

    async def run(self) -> None:
        """Until cancelled. What fails for a passing reason is tried again after a pause.

        A permanent failure of a job or an approval is noted and does not end the runner; any other failure is a bug of
        the runner itself and is raised.
        """
        await run_together(self._jobs.run(), self._approving.run(), self._look_for_approvals())

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

    async def _look_for_approvals(self) -> None:
        outage = Outage("approvals_interrupted")
        while True:
            try:
                self._approving.ask(await self._approver.organizations())
                outage.over()
            except Passing as error:
                outage.met(error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _approve(self, organization: str) -> bool:
        """Some of what is due; whether there is more, the next look finds out."""
        await self._approver.approve_due(organization)
        return False

    async def _time(self, organization: str) -> datetime:
        return await organization_time(self._postgres.of(organization), organization)
