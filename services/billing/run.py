"""The bill run: wait until what was there is projected, then settle family after family and issue what is due."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog

from events.facts.bills import BillIssued
from services.billing.issuing import BillRequest, issue_family
from services.billing.jobs import BillJob, get_job, move_job
from services.billing.progress import Waiter
from services.failures import ExpectedFailure
from services.postgres import Postgres

log = structlog.get_logger(__name__)

#: Families settled side by side: while one waits for its commit, another is settled.
SIDE_BY_SIDE = 4
PAGE = 500

_ROOTS = """
SELECT id FROM store.entities
WHERE organization = $1 AND kind = 'account' AND root_id = id AND id > $2 ORDER BY id LIMIT $3
"""
_ROOT_OF = "SELECT root_id FROM store.entities WHERE organization = $1 AND kind = 'account' AND id = $2"
_COUNT = "SELECT count(*) FROM store.entities WHERE organization = $1 AND kind = 'account' AND root_id = id"
_FREQUENT = """
SELECT DISTINCT held.root_id FROM store.entities held
JOIN store.entities plan ON plan.organization = held.organization AND plan.kind = 'plan'
    AND plan.id = held.body->>'planId'
JOIN store.entities template ON template.organization = held.organization AND template.kind = 'planTemplate'
    AND template.id = plan.body->>'planTemplateId'
WHERE held.organization = $1 AND held.kind = 'accountPlan' AND template.body->>'billFrequency' = $2
    AND ($3::integer IS NULL OR coalesce((template.body->>'billFrequencyInterval')::integer, 1) = $3)
"""
_SCHEDULED = """
SELECT DISTINCT root_id FROM store.entities
WHERE organization = $1 AND kind = 'commitment' AND jsonb_array_length(coalesce(body->'feeDates', '[]')) > 0
"""


class UnknownAccountError(ExpectedFailure):
    """Account {account_id} does not exist in organization {organization}."""

    def __init__(self, organization: str, account_id: str) -> None:
        super().__init__(f"account {account_id} does not exist in organization {organization}")


#: Tells an organization's time: its test clock's, else real time.
Clock = Callable[[str], Awaitable[datetime]]


@dataclass(frozen=True, slots=True)
class Target:
    """A family to settle, and the one account of it to bill, if not all are."""

    root_id: str
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which families a run settles. `account_ids` empty: all; a frequency takes those with such an account plan."""

    account_ids: tuple[str, ...] = ()
    frequency: str | None = None
    interval: int | None = None


def through_of(last_date_in_billing_period: date) -> date:
    """The date to settle for: the wire's last date is inclusive, so the period ends the day after."""
    return last_date_in_billing_period + timedelta(days=1)


class BillRun:
    """Issues bills; several may run at once, in any processes, without billing anything twice."""

    def __init__(self, postgres: Postgres, bootstrap: str, clock: Clock) -> None:
        self._postgres, self._clock = postgres, clock
        self._waiter = Waiter(postgres, bootstrap)

    async def run_job(self, job: BillJob) -> None:
        """Carry a job out, from where a killed process may have left it: what is billed already is not due again."""
        if not await self._move(job, "INITIALIZING", 0, 0, ()):
            return
        await self._waiter.until_projected()
        selection = selection_of(job.request)
        async with self._postgres.connection() as connection:
            total = await _count(connection, job.organization, selection)
        due = job.request.get("dueDate")
        request = BillRequest(
            job.organization,
            job.through,
            due_date=date.fromisoformat(due) if due else None,
            bill_job_id=job.id,
        )
        settled = 0
        async for targets in self._pages(job.organization, selection):
            bills = await self._issue(request, targets)
            settled += len(targets)
            if not await self._move(job, "RUNNING", total, settled, [bill.bill_id for bill in bills]):
                log.info("bill_job_cancelled", organization=job.organization, job=job.id, settled=settled)
                return
        await self._move(job, "COMPLETE", total, settled, ())
        log.info("bill_job_completed", organization=job.organization, job=job.id, settled=settled)

    async def run(self, request: BillRequest, selection: Selection) -> AsyncIterator[list[BillIssued]]:
        """The same without a job: yields the bills of each page of families as they are durable."""
        await self._waiter.until_projected()
        async for targets in self._pages(request.organization, selection):
            yield await self._issue(request, targets)

    async def _issue(self, request: BillRequest, targets: Sequence[Target]) -> list[BillIssued]:
        now = await self._clock(request.organization)
        gate = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(target: Target) -> list[BillIssued]:
            async with gate:
                asked = replace(request, account_id=target.account_id)
                return await issue_family(self._postgres, self._waiter, asked, target.root_id, now)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(target)) for target in targets]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the others were cancelled; what they had issued is durable
        return [bill for task in tasks for bill in task.result()]

    async def _pages(self, organization: str, selection: Selection) -> AsyncIterator[list[Target]]:
        """The families in pages, so that memory stays flat whatever their number."""
        if selection.account_ids:
            async with self._postgres.connection() as connection:
                yield [await _target(connection, organization, account) for account in selection.account_ids]
            return
        async with self._postgres.connection() as connection:
            frequent = await _frequent(connection, organization, selection)
        last = ""
        while True:
            async with self._postgres.connection() as connection:
                page = [row["id"] for row in await connection.fetch(_ROOTS, organization, last, PAGE)]
            if not page:
                return
            last = page[-1]
            yield [Target(root) for root in page if frequent is None or root in frequent]

    async def _move(self, job: BillJob, status: str, total: int, settled: int, bill_ids: Sequence[str]) -> bool:
        async with self._postgres.transaction() as connection:
            held = await get_job(connection, job.organization, job.id)
            if held is None:
                return False
            return await move_job(connection, job, status, total, settled, bill_ids, datetime.now(UTC))


def selection_of(request: dict[str, Any]) -> Selection:
    """Which families a job's body selects."""
    return Selection(
        tuple(request.get("accountIds") or ()), request.get("billingFrequency"), request.get("billFrequencyInterval")
    )


async def _count(connection: Any, organization: str, selection: Selection) -> int:
    if selection.account_ids:
        return len(selection.account_ids)
    return int(await connection.fetchval(_COUNT, organization))


async def _target(connection: Any, organization: str, account_id: str) -> Target:
    root_id = await connection.fetchval(_ROOT_OF, organization, account_id)
    if root_id is None:
        raise UnknownAccountError(organization, account_id)
    return Target(root_id, account_id)


async def _frequent(connection: Any, organization: str, selection: Selection) -> set[str] | None:
    """The roots that have an account plan of the frequency; None when every root is meant."""
    if selection.frequency is None:
        return None
    if selection.frequency == "AD_HOC":
        return {row["root_id"] for row in await connection.fetch(_SCHEDULED, organization)}
    rows = await connection.fetch(_FREQUENT, organization, selection.frequency, selection.interval)
    return {row["root_id"] for row in rows}
