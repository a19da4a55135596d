"""The bill run: wait until what was there is projected, then settle family after family and issue what is due."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog

from events.facts.bills import BillFact
from services.billing.approving import recalculate_bill
from services.billing.failing import PASSING, Failure
from services.billing.issuing import BillRequest, bill_family
from services.billing.jobs import BillJob, Done, get_job, move_job, note_done
from services.billing.progress import Waiter
from services.commitments.errors import UnknownResource
from services.failures import ExpectedFailure
from services.postgres import Postgres

log = structlog.get_logger(__name__)

#: Families settled side by side: while one waits for its commit, another is settled.
SIDE_BY_SIDE = 4
#: Families between two looks at whether the job was cancelled.
PAGE = 50

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
_APPENDED = """
SELECT data->>'billId' AS bill_id FROM store.events
WHERE organization = $1 AND stream LIKE 'bills-%' AND correlation = $2 ORDER BY position
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
    """Issues or opens bills; several may run at once, in any processes, without billing anything twice."""

    def __init__(self, postgres: Postgres, bootstrap: str, clock: Clock) -> None:
        self._postgres, self._clock = postgres, clock
        self._waiter = Waiter(postgres, bootstrap)

    async def run_job(self, job: BillJob) -> None:
        """Carry a job out, from where a killed process may have left it: what is billed already is not due again."""
        if not await self._move(job, "INITIALIZING", 0, 0):
            return
        await self._waiter.until_projected()
        total, settled = await self._total(job), 0
        if not await self._move(job, "RUNNING", total, 0):
            return
        async for done in self._parts(job):
            settled += done.count
            if not await self._move(job, "RUNNING", total, settled, done):
                log.info("bill_job_cancelled", organization=job.organization, job=job.id, settled=settled)
                return
        # Whoever sees COMPLETE and lists the bills finds them.
        await self._waiter.until_commands_projected()
        await self._move(job, "COMPLETE", total, settled, Done(bill_ids=await self._left_out(job)))
        log.info("bill_job_completed", organization=job.organization, job=job.id, settled=settled)

    async def give_up(self, job: BillJob, error: Exception) -> None:
        """End a job that cannot be carried out: what it has billed stands, and it says why it ended."""
        async with self._postgres.connection() as connection:
            held = await get_job(connection, job.organization, job.id)
        if held is not None:
            left_out = Done(bill_ids=await self._left_out(job), failures=[Failure(error)])
            await self._move(job, "COMPLETE", held.total, held.settled, left_out)

    async def _total(self, job: BillJob) -> int:
        if job.recalculates:
            return len(job.recalculates)
        async with self._postgres.connection() as connection:
            return await _count(connection, job.organization, selection_of(job.request))

    async def _parts(self, job: BillJob) -> AsyncIterator[Done]:
        """Page by page."""
        due = job.request.get("dueDate")
        due_date = date.fromisoformat(due) if due else None
        request = BillRequest(job.organization, job.through, due_date=due_date, bill_job_id=job.id)
        for bill_id in job.recalculates:
            yield await self._recalculate(request, bill_id)
        if not job.recalculates:
            # An account that was deleted since the job was asked for has nothing to bill.
            async for targets in self._pages(job.organization, selection_of(job.request), missing_ok=True):
                facts, failures = await self._bill(request, targets)
                yield Done(len(targets), [fact.bill_id for fact in facts], failures)

    async def _recalculate(self, request: BillRequest, bill_id: str) -> Done:
        now = await self._clock(request.organization)
        failures = []
        try:
            with suppress(UnknownResource):  # deleted since the job was asked for
                await recalculate_bill(self._postgres, self._waiter, request, bill_id, now)
        except PASSING:
            raise
        except Exception as error:
            log.exception("bill_not_recalculated", organization=request.organization, bill=bill_id)
            failures.append(Failure(error, bill_id=bill_id))
        return Done(1, [bill_id], failures)

    async def _left_out(self, job: BillJob) -> list[str]:
        """Bills that a process appended for the job and was killed before it could note them."""
        async with self._postgres.connection() as connection:
            held = await get_job(connection, job.organization, job.id)
            rows = await connection.fetch(_APPENDED, job.organization, job.id)
        known = set(held.bill_ids) if held else set()
        return [bill_id for bill_id in dict.fromkeys(row["bill_id"] for row in rows) if bill_id not in known]

    async def run(self, request: BillRequest, selection: Selection) -> AsyncIterator[list[BillFact]]:
        """The same without a job: yields the bills of each page as they are durable, then raises what failed there."""
        await self._waiter.until_projected()
        async for targets in self._pages(request.organization, selection):
            facts, failures = await self._bill(request, targets)
            yield facts
            if failures:
                raise failures[0].error

    async def _bill(self, request: BillRequest, targets: Sequence[Target]) -> tuple[list[BillFact], list[Failure]]:
        """The bills of these families, and which of them failed for a reason that does not pass by itself."""
        now = await self._clock(request.organization)
        gate = asyncio.Semaphore(SIDE_BY_SIDE)

        failures: list[Failure] = []

        async def one(target: Target) -> list[BillFact]:
            async with gate:
                asked, account = replace(request, account_id=target.account_id), target.account_id or target.root_id
                try:
                    return await bill_family(self._postgres, self._waiter, asked, target.root_id, now)
                except PASSING:
                    raise
                except Exception as error:
                    log.exception("account_not_billed", organization=request.organization, account=account)
                    failures.append(Failure(error, account_id=account))
                    return []

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(target)) for target in targets]
        except ExceptionGroup as passing:
            raise passing.exceptions[0] from None  # the others were cancelled; what they had issued is durable
        return [bill for task in tasks for bill in task.result()], failures

    async def _pages(
        self, organization: str, selection: Selection, *, missing_ok: bool = False
    ) -> AsyncIterator[list[Target]]:
        """The families in pages, so that memory stays flat whatever their number. Raises: UnknownAccountError."""
        if selection.account_ids:
            async with self._postgres.connection() as connection:
                roots = {id: await connection.fetchval(_ROOT_OF, organization, id) for id in selection.account_ids}
            if not missing_ok and (unknown := [id for id, root in roots.items() if root is None]):
                raise UnknownAccountError(organization, unknown[0])
            yield [Target(root, id) for id, root in roots.items() if root is not None]
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

    async def _move(self, job: BillJob, status: str, total: int, settled: int, done: Done | None = None) -> bool:
        async with self._postgres.transaction() as connection:
            held = await get_job(connection, job.organization, job.id)
            if held is None:
                return False
            now, done = datetime.now(UTC), done or Done()
            if await move_job(connection, job, status, total, settled, done, now):
                return True
            await note_done(connection, job, settled, done, now)
            return False


def selection_of(request: dict[str, Any]) -> Selection:
    """Which families a job's body selects."""
    return Selection(
        tuple(request.get("accountIds") or ()), request.get("billingFrequency"), request.get("billFrequencyInterval")
    )


async def _count(connection: Any, organization: str, selection: Selection) -> int:
    if selection.account_ids:
        return len(selection.account_ids)
    return int(await connection.fetchval(_COUNT, organization))


async def _frequent(connection: Any, organization: str, selection: Selection) -> set[str] | None:
    """The roots that have an account plan of the frequency; None when every root is meant."""
    if selection.frequency is None:
        return None
    if selection.frequency == "AD_HOC":
        return {row["root_id"] for row in await connection.fetch(_SCHEDULED, organization)}
    rows = await connection.fetch(_FREQUENT, organization, selection.frequency, selection.interval)
    return {row["root_id"] for row in rows}
