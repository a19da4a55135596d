"""Approval and recalculation of pending bills: settled now, appended if nobody was faster, else settled again."""

from dataclasses import dataclass
from datetime import datetime

from events.facts.bills import BillDropped, BillFact, BillIssued
from projections.settlement import DraftBill, PendingBill, draft_bills
from services.billing.appending import Settled, append_page
from services.billing.issuing import ATTEMPTS, BillContentionError, BillRequest, issued_bill, opened_or_moved
from services.billing.life import BillIsEmpty, BillLife, load_life
from services.commands.errors import UnknownResource
from services.concurrency import compute
from services.postgres import Postgres
from services.readside.family_now import LoadedFamily, load_family
from services.readside.progress import Waiter


@dataclass(frozen=True, slots=True)
class Pending:
    """A pending bill with what it would bill now; no draft: nothing."""

    life: BillLife
    loaded: LoadedFamily
    draft: DraftBill | None


async def load_pending(postgres: Postgres, waiter: Waiter, life: BillLife) -> Pending | None:
    """The content of a pending bill, from the live read models; None if it has been issued meanwhile.

    Raises: UnknownResource if it was dropped; ProjectionStalledError if the read models do not come to know it.
    """
    while True:
        loaded = await load_family(postgres, life.organization, life.root_id)
        held = loaded.family.billed.pending.get(life.bill_id)
        if held is not None:
            return Pending(life, loaded, await compute(life.organization, _draft, loaded, life, held))
        async with postgres.connection() as connection:
            if (await load_life(connection, life.organization, life.bill_id)).pending is None:
                return None
        await waiter.until_commands_projected()


def _draft(loaded: LoadedFamily, life: BillLife, held: PendingBill) -> DraftBill | None:
    drafts = draft_bills(loaded.family, date=held.bill_date, account_id=life.account_id)
    return next((draft for draft in drafts if draft.pending is held), None)


async def approve_bill(
    postgres: Postgres, waiter: Waiter, organization: str, bill_id: str, now: datetime, actor: str | None
) -> bool:
    """Issue a pending bill under its id, as the actor asked; False: it was approved before.

    Raises: UnknownResource, BillIsEmpty, BillContentionError.
    """
    return await _settled(postgres, waiter, organization, bill_id, now, actor, drops_empty=False) is not None


async def approve_or_drop(
    postgres: Postgres, waiter: Waiter, organization: str, bill_id: str, now: datetime, actor: str | None
) -> BillIssued | BillDropped | None:
    """One of many: a pending bill that nothing is due for any more is dropped, so that it does not stop the others.

    Returns what was appended; None: it was approved or dropped meanwhile. Raises: BillContentionError.
    """
    try:
        return await _settled(postgres, waiter, organization, bill_id, now, actor, drops_empty=True)
    except UnknownResource:
        return None  # dropped meanwhile; the read models do not know it yet


async def _settled(
    postgres: Postgres,
    waiter: Waiter,
    organization: str,
    bill_id: str,
    now: datetime,
    actor: str | None,
    *,
    drops_empty: bool,
) -> BillIssued | BillDropped | None:
    """The fact that ended the bill's time as a pending one; None: it was not pending any more."""
    for _ in range(ATTEMPTS):
        async with postgres.connection() as connection:
            life = await load_life(connection, organization, bill_id)
        found = await load_pending(postgres, waiter, life) if life.pending else None
        if found is None:
            return None
        if found.draft is None and not drops_empty:
            raise BillIsEmpty(id=bill_id)
        fact = _issued(organization, found) or _dropped(life)
        if await _appended(postgres, found.loaded, fact, now, None, actor):
            return fact
        await waiter.until_commands_projected()
    raise BillContentionError(life.root_id)


async def recalculate_bill(
    postgres: Postgres, waiter: Waiter, request: BillRequest, bill_id: str, now: datetime
) -> bool:
    """Drop a pending bill that nothing is due for any more; move one behind its account's latest bill to its date.

    Its lines need nothing: they are derived whenever it is read. False: it was not pending any more.
    Raises: UnknownResource, BillContentionError.
    """
    for _ in range(ATTEMPTS):
        async with postgres.connection() as connection:
            life = await load_life(connection, request.organization, bill_id)
        found = await load_pending(postgres, waiter, life) if life.pending else None
        if found is None:
            return False
        fact = _recalculated(request, found)
        if fact is None:
            return True
        if await _appended(postgres, found.loaded, fact, now, request.bill_job_id, request.actor):
            return True
        await waiter.until_commands_projected()
    raise BillContentionError(life.root_id)


async def _appended(
    postgres: Postgres, loaded: LoadedFamily, fact: BillFact, now: datetime, correlation: str | None, actor: str | None
) -> bool:
    """Append what the family was settled to; False: its bills have changed since, so it is to be settled again."""
    async with postgres.transaction() as connection:
        _, moved = await append_page(connection, [Settled.of(loaded, [fact])], now, correlation, actor)
    return not moved


def _issued(organization: str, found: Pending) -> BillIssued | None:
    if found.draft is None:
        return None
    return issued_bill(BillRequest(organization, found.draft.bill_date), found.loaded, found.draft)


def _dropped(life: BillLife) -> BillDropped:
    return BillDropped(bill_id=life.bill_id, account_id=life.account_id, root_id=life.root_id)


def _recalculated(request: BillRequest, found: Pending) -> BillFact | None:
    draft = found.draft
    if draft is None:
        return _dropped(found.life)
    assert draft.pending is not None
    return opened_or_moved(request, draft) if draft.bill_date > draft.pending.bill_date else None
