"""The bill run: wait until everything that existed is projected, then settle page after page and issue the due
bills.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime

import structlog

from events.facts.bills import BillFact
from services.billing.approving import recalculate_bill
from services.billing.issuing import Settled, issue_page, settle_page
from services.billing.jobs import BILL_JOBS, BillJob, Done, Failure, move_job, note_done
from services.billing.selection import BillRequest, FamilyToSettle, Selection, count, pages, selection_of
from services.commands.refused import UnknownResource
from services.concurrency import Turns, one_ahead
from services.interruptions import INTERRUPTIONS
from services.postgres import Postgres
from services.readside.waiter import Waiter
from services.sight.tracing import TRACES
from services.store.streams import bills_of

log = structlog.get_logger(__name__)

_APPENDED = f"""
SELECT data->>'billId' AS bill_id FROM store.events
WHERE organization = $1 AND stream LIKE '{bills_of("%")}' AND correlation = $2 ORDER BY position
"""


#: Tells an organization's time: its test clock's, else real time.
Clock = Callable[[str], Awaitable[datetime]]


@dataclass(frozen=True, slots=True)
class BilledPage:
    """A page of families, its durable bills, and its permanent failures."""

    targets: Sequence[FamilyToSettle]
    facts: Sequence[BillFact]
    failures: Sequence[Failure]


class BillRun:
    """Issues or opens bills; several may run at once, in any processes, without billing anything twice."""

    def __init__(self, postgres: Postgres, waiter: Waiter, clock: Clock, turns: Turns | None = None) -> None:
        self._postgres, self._waiter, self._clock = postgres, waiter, clock
        self._turns = turns or Turns("the settling of bills", most=1, share=1, within=None)

    async def run_job(self, job: BillJob) -> None:
        """Run a job, from where a killed process may have left it: amounts already billed are no longer due."""
        if not await self._move(job, "INITIALIZING", 0, 0):
            return
        await self._waiter.until_projected()
        total, settled = await self._total(job), 0
        if not await self._move(job, "RUNNING", total, 0):
            return
        async with aclosing(self._parts(job)) as parts:
            while (done := await self._next(job, parts)) is not None:
                settled += done.count
                if not await self._move(job, "RUNNING", total, settled, done):
                    log.info("bill_job_cancelled", organization=job.organization, job=job.id, settled=settled)
                    return
        # Clients that see COMPLETE and then list the bills must find them.
        await self._waiter.until_commands_projected()
        await self._move(job, "COMPLETE", total, settled, Done(bill_ids=await self._left_out(job)))
        log.info("bill_job_completed", organization=job.organization, job=job.id, settled=settled)

    async def _next(self, job: BillJob, parts: AsyncGenerator[Done, None]) -> Done | None:
        """The next page, in the organization's turn: however long its job is, others are billed in between."""
        async with self._turns.turn(job.organization):
            with TRACES.work("bill page", {"trueup.organization": job.organization}) as span:
                done = await anext(parts, None)
                if span is not None and done is not None:
                    span.set_attributes({"trueup.families": done.count, "trueup.bills": len(done.bill_ids)})
                return done

    async def give_up(self, job: BillJob, error: Exception) -> None:
        """End a job that cannot be finished: its bills stay, and it says why it ended."""
        async with self._postgres.connection() as connection:
            job_now = await BILL_JOBS.get(connection, job.organization, job.id)
        if job_now is not None:
            left_out = Done(bill_ids=await self._left_out(job), failures=[Failure(error)])
            await self._move(job, "COMPLETE", job_now.total, job_now.settled, left_out)

    async def _total(self, job: BillJob) -> int:
        if job.recalculates:
            return len(job.recalculates)
        async with self._postgres.connection() as connection:
            return await count(connection, job.organization, selection_of(job.request))

    async def _parts(self, job: BillJob) -> AsyncGenerator[Done, None]:
        """Run the job, and yield the result of each page of accounts, or of each bill to recalculate."""
        due = job.request.get("dueDate")
        due_date = date.fromisoformat(due) if due else None
        request = BillRequest(job.organization, job.through, due_date, bill_job_id=job.id, actor=job.created_by)
        for bill_id in job.recalculates:
            yield await self._recalculate(request, bill_id)
        if not job.recalculates:
            # An account that was deleted since the job was asked for has nothing to bill.
            families = pages(self._postgres, job.organization, selection_of(job.request), missing_ok=True)
            async with aclosing(self._pages(request, families)) as billed_pages:
                async for page in billed_pages:
                    yield Done(len(page.targets), [fact.bill_id for fact in page.facts], page.failures)

    async def _recalculate(self, request: BillRequest, bill_id: str) -> Done:
        now = await self._clock(request.organization)
        failures = []
        try:
            with suppress(UnknownResource):  # deleted since the job was asked for
                await recalculate_bill(self._postgres, self._waiter, request, bill_id, now)
        except INTERRUPTIONS:
            raise
        except Exception as error:
            log.exception("bill_not_recalculated", organization=request.organization, bill=bill_id)
            failures.append(Failure(error, bill_id=bill_id))
        return Done(1, [bill_id], failures)

    async def _left_out(self, job: BillJob) -> list[str]:
        """Bills that a process appended for the job before it was killed and could note them."""
        async with self._postgres.connection() as connection:
            job_now = await BILL_JOBS.get(connection, job.organization, job.id)
            rows = await connection.fetch(_APPENDED, job.organization, job.id)
        billed = set(job_now.bill_ids) if job_now else set()
        return [bill_id for bill_id in dict.fromkeys(row["bill_id"] for row in rows) if bill_id not in billed]

    async def run(self, request: BillRequest, selection: Selection) -> AsyncGenerator[Sequence[BillFact], None]:
        """A run without a job: yields the bills of each page once they are durable. What failed first is raised at its
        end, once all others are billed.
        """
        failures = list[Failure]()
        await self._waiter.until_projected()
        families = pages(self._postgres, request.organization, selection)
        async with aclosing(self._pages(request, families)) as billed_pages:
            async for page in billed_pages:
                yield page.facts
                failures += page.failures
        if failures:
            raise failures[0].error

    async def _pages(
        self, request: BillRequest, families: AsyncGenerator[list[FamilyToSettle], None]
    ) -> AsyncGenerator[BilledPage, None]:
        """Each page, billed.

        One page is settled while the last is appended: settling uses this process, appending the database.
        """

        def settle(targets: list[FamilyToSettle]) -> Awaitable[list[Settled]]:
            return settle_page(self._postgres, request, targets)

        async with aclosing(one_ahead(families, settle)) as ahead:
            async for targets, settling in ahead:
                yield await self._bill(request, targets, settling)

    async def _bill(
        self, request: BillRequest, targets: Sequence[FamilyToSettle], settling: Awaitable[list[Settled]]
    ) -> BilledPage:
        """Append the results of a page. If any of it fails, each family is billed alone, so that a failure affects no
        other; families that the page had already billed have nothing due then.
        """
        now = await self._clock(request.organization)
        facts, failures = list[BillFact](), list[Failure]()
        try:
            async for appended in issue_page(self._postgres, self._waiter, request, await settling, now):
                facts += appended
            return BilledPage(targets, facts, failures)
        except INTERRUPTIONS:
            raise
        except Exception as error:
            log.warning("page_not_billed", organization=request.organization, error=type(error).__name__)
        for target in targets:
            account = target.account_id or target.root_id
            try:
                settled = await settle_page(self._postgres, request, [target])
                async for appended in issue_page(self._postgres, self._waiter, request, settled, now):
                    facts += appended
            except INTERRUPTIONS:
                raise
            except Exception as error:
                log.exception("account_not_billed", organization=request.organization, account=account)
                failures.append(Failure(error, account_id=account))
        return BilledPage(targets, facts, failures)

    async def _move(self, job: BillJob, status: str, total: int, settled: int, done: Done | None = None) -> bool:
        async with self._postgres.transaction() as connection:
            job_now = await BILL_JOBS.get(connection, job.organization, job.id)
            if job_now is None:
                return False
            now, done = datetime.now(UTC), done or Done()
            if await move_job(connection, job, status, total, settled, done, now):
                return True
            await note_done(connection, job, settled, done, now)
            return False
