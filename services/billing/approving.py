"""Approval and recalculation of pending bills: settled now, then appended, or settled again if another process was
faster.

Bills approve themselves once their grace period has passed, by the organization's clock.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

import structlog

from events.actors import BILLING
from events.facts.bills import BillDropped, BillFact, BillIssued
from projections.resources import Resources
from projections.settlement import DraftBill, Family, PendingBill, draft_bills
from services.billing.issuing import ATTEMPTS, BillContentionError, Settled, append_page, issued_bill, opened_or_moved
from services.billing.life import BillIsEmpty, BillLife, BillTotalMoved, load_life
from services.billing.selection import BillRequest
from services.commands.refused import UnknownResource
from services.concurrency import Turns, compute
from services.failures import Passing
from services.postgres import Postgres
from services.readside.family_now import LoadedFamily, load_family
from services.readside.live import reading_live
from services.readside.waiter import Waiter
from services.store.execute import now_of
from services.store.view import load_config

log = structlog.get_logger(__name__)

#: Bills of one organization that are approved per round.
ROUND = 200
#: How long a bill or organization rests after a permanent failure.
REST_SECONDS = 600.0

_ORGANIZATIONS = "SELECT DISTINCT organization FROM bills WHERE status = 'PENDING'"
_DUE = """
SELECT bill_id FROM bills
WHERE organization = $1 AND status = 'PENDING' AND opened_at <= $2 AND bill_id <> ALL ($4)
ORDER BY opened_at LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Pending:
    """A pending bill with its present content; without a draft it would bill nothing."""

    life: BillLife
    loaded: LoadedFamily
    draft: DraftBill | None


async def load_pending(postgres: Postgres, waiter: Waiter, life: BillLife) -> Pending | None:
    """The content of a pending bill, from the live read models; None if it has been issued meanwhile.
    Raises: UnknownResource if it was dropped; ProjectionStalledError if the read models do not receive it in time.
    """
    while True:
        loaded = await load_family(postgres, life.organization, life.root_id)
        pending = loaded.family.billed.pending.get(life.bill_id)
        if pending is not None:
            return Pending(life, loaded, await compute(life.organization, draft_of, loaded.family, pending))
        async with postgres.connection() as connection:
            if (await load_life(connection, life.organization, life.bill_id)).pending is None:
                return None
        await waiter.until_commands_projected()


def draft_of(family: Family, pending: PendingBill) -> DraftBill | None:
    """The present content of a pending bill of the family; None if nothing is due for it any more."""
    drafts = draft_bills(family, date=pending.bill_date, account_id=pending.account_id)
    return next((draft for draft in drafts if draft.pending is pending), None)


async def approve_bill(
    postgres: Postgres,
    waiter: Waiter,
    organization: str,
    bill_id: str,
    now: datetime,
    actor: str | None,
    *,
    seen: Decimal | None = None,
) -> bool:
    """Issue a pending bill under its id, for the actor, if its total equals `seen`; False: it was issued before.

    Raises: UnknownResource, BillIsEmpty, BillTotalMoved, BillContentionError.
    """

    def decide(pending: Pending) -> BillIssued:
        if (issued := _issued(organization, pending)) is None:
            raise BillIsEmpty(id=bill_id)
        if seen not in (None, issued.total):
            raise BillTotalMoved(id=bill_id, total=issued.total, seen=seen)
        return issued

    _, fact = await _decided(postgres, waiter, organization, bill_id, decide, now, None, actor)
    return fact is not None


async def approve_or_drop(
    postgres: Postgres, waiter: Waiter, organization: str, bill_id: str, now: datetime, actor: str | None
) -> BillFact | None:
    """Approve one of many bills; a pending bill without any due amount is dropped, so that it does not stop the others.
    Returns the appended fact; None: it was approved or dropped meanwhile. Raises: BillContentionError.
    """

    def decide(pending: Pending) -> BillFact:
        return _issued(organization, pending) or _dropped(pending.life)

    try:
        _, fact = await _decided(postgres, waiter, organization, bill_id, decide, now, None, actor)
    except UnknownResource:
        return None  # dropped meanwhile; the read models do not know it yet
    return fact


async def recalculate_bill(
    postgres: Postgres, waiter: Waiter, request: BillRequest, bill_id: str, now: datetime
) -> bool:
    """Drop a pending bill without any due amount; move a bill dated before its account's latest bill to that bill's
    date.

    Its lines need no change: they are derived on every read. False: it was no longer pending. Raises: UnknownResource,
    BillContentionError.
    """
    organization, decide = request.organization, partial(_recalculated, request)
    was_pending, _ = await _decided(
        postgres, waiter, organization, bill_id, decide, now, request.bill_job_id, request.actor
    )
    return was_pending


async def _decided(
    postgres: Postgres,
    waiter: Waiter,
    organization: str,
    bill_id: str,
    decide: Callable[[Pending], BillFact | None],
    now: datetime,
    correlation: str | None,
    actor: str | None,
) -> tuple[bool, BillFact | None]:
    """Whether the bill was still pending, and the appended fact, if `decide` made one.

    It decides again from the new due amounts whenever another process was faster. Raises: UnknownResource,
    BillContentionError.
    """
    for _ in range(ATTEMPTS):
        async with postgres.connection() as connection:
            life = await load_life(connection, organization, bill_id)
        pending = await load_pending(postgres, waiter, life) if life.pending else None
        if pending is None:
            return False, None
        fact = await compute(organization, decide, pending)
        if fact is None or await _appended(postgres, pending.loaded, fact, now, correlation, actor):
            return True, fact
        await waiter.until_commands_projected()
    raise BillContentionError(life.root_id)


async def _appended(
    postgres: Postgres, loaded: LoadedFamily, fact: BillFact, now: datetime, correlation: str | None, actor: str | None
) -> bool:
    """Append a family's facts; False: its bills have changed since, so it must be settled again."""
    async with postgres.transaction() as connection:
        _, moved = await append_page(connection, [Settled.of(loaded, [fact])], now, correlation, actor)
    return not moved


def _issued(organization: str, pending: Pending) -> BillIssued | None:
    if pending.draft is None:
        return None
    return issued_bill(BillRequest(organization, pending.draft.bill_date), pending.loaded, pending.draft)


def _dropped(life: BillLife) -> BillDropped:
    return BillDropped(bill_id=life.bill_id, account_id=life.account_id, root_id=life.root_id)


def _recalculated(request: BillRequest, pending: Pending) -> BillFact | None:
    draft = pending.draft
    if draft is None:
        return _dropped(pending.life)
    assert draft.pending is not None
    return opened_or_moved(request, draft) if draft.bill_date > draft.pending.bill_date else None


class AutoApprover:
    """Approves bills whose grace period is over. Several processes may do so at once: a bill is issued once."""

    def __init__(self, postgres: Postgres, every: Postgres, waiter: Waiter, turns: Turns) -> None:
        self._postgres, self._every, self._waiter, self._turns = postgres, every, waiter, turns
        #: Bills and organizations that failed, and until when each rests.
        self._resting: dict[str, float] = {}

    async def organizations(self) -> list[str]:
        """Organizations with pending bills, without those that rest."""
        async with reading_live(self._every) as connection:
            waiting = {row["organization"] for row in await connection.fetch(_ORGANIZATIONS)}
        now = asyncio.get_running_loop().time()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        return sorted(waiting - set(self._resting))

    async def approve_due(self, organization: str) -> int:
        """Approve up to ROUND of the organization's due pending bills; returns how many were approved or dropped."""
        return await self._guarded(organization, self._organization(organization))

    async def _guarded(self, name: str, work: Awaitable[int]) -> int:
        """The result for a bill or organization; after a permanent failure it rests, and the others go on."""
        try:
            return await work
        except Passing:
            raise
        except Exception:
            log.exception("approval_failed", failed=name)
            self._resting[name] = asyncio.get_running_loop().time() + REST_SECONDS
            return 0

    async def _organization(self, organization: str) -> int:
        postgres = self._postgres.of(organization)
        async with postgres.connection() as connection:
            resources = await load_config(connection, organization)
        before = now_of(resources) - resources.grace_period
        async with reading_live(postgres) as connection:
            rows = await connection.fetch(_DUE, organization, before, ROUND, list(self._resting))
            due = [row["bill_id"] for row in rows]
        if due:
            await self._waiter.until_projected()
        return sum([await self._guarded(bill_id, self._in_turn(postgres, resources, bill_id)) for bill_id in due])

    async def _in_turn(self, postgres: Postgres, resources: Resources, bill_id: str) -> bool:
        async with self._turns.turn(resources.organization):
            return await self._approve(postgres, resources, bill_id)

    async def _approve(self, postgres: Postgres, resources: Resources, bill_id: str) -> bool:
        organization, now = resources.organization, now_of(resources)
        try:
            fact = await approve_or_drop(postgres, self._waiter, organization, bill_id, now, BILLING)
        except BillContentionError as error:
            log.warning("bill_not_approved", organization=organization, bill=bill_id, error=str(error))
            return False
        if fact is None:
            return False
        event = "bill_approved" if isinstance(fact, BillIssued) else "bill_dropped"
        log.info(event, organization=organization, bill=bill_id)
        return True
