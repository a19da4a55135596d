"""Issuing or opening the bills of one family: settle, append if nobody was faster, else settle again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from events.facts.bills import BillFact, BillIssued, BillMoved, BillOpened
from projections.settlement import DraftBill, draft_bills, issue
from services.billing.grace import grace_of
from services.billing.life import stream_of
from services.billing.progress import Waiter
from services.failures import ExpectedFailure
from services.families import LoadedFamily, UnknownFamilyError, load_family
from services.postgres import Postgres
from services.store.events import NewEvent, StreamMovedError, append, stream_version
from services.store.generations import load_generations

#: Somebody else changed the bills of the same family each time we had settled it.
ATTEMPTS = 20

_NEXT_NUMBER = """
INSERT INTO store.invoice_numbers AS held (organization, last) VALUES ($1, $2 + 1)
ON CONFLICT (organization) DO UPDATE SET last = greatest(held.last, $2) + 1
RETURNING last
"""


class BillContentionError(ExpectedFailure):
    """The bills of account {root_id} changed during each of {attempts} attempts to issue one."""

    def __init__(self, root_id: str) -> None:
        super().__init__(f"the bills of account {root_id} changed during each of {ATTEMPTS} attempts to issue one")


@dataclass(frozen=True, slots=True)
class BillRequest:
    """What to bill: everything due on or before `through`, of one account only if `account_id` is given."""

    organization: str
    through: date
    account_id: str | None = None
    due_date: date | None = None
    bill_job_id: str | None = None


async def bill_family(
    postgres: Postgres, waiter: Waiter, request: BillRequest, root_id: str, now: datetime
) -> list[BillFact]:
    """Settle the family and issue what is due, or open pending bills of it where the organization wants a grace period.

    Returns what was appended, durable; an empty list: nothing was due, or it is pending already. On conflict the family
    is settled again from what the other run issued; what was settled before is never appended (design, decision 18).
    Raises: BillContentionError.
    """
    for _ in range(ATTEMPTS):
        try:
            async with postgres.connection() as connection:
                loaded = await load_family(connection, request.organization, root_id)
        except UnknownFamilyError:
            return []  # created after the run began, or deleted since
        drafts = draft_bills(loaded.family, date=request.through, account_id=request.account_id)
        pending = bool(grace_of(loaded.resources))
        if pending:
            drafts = [draft for draft in drafts if _to_open(draft)]
        if not drafts:
            return []
        try:
            async with postgres.transaction() as connection:
                if pending:
                    opened = [opened_or_moved(request, draft) for draft in drafts]
                    return await append_facts(connection, loaded, opened, now, request.bill_job_id)
                return await issue_drafts(connection, request, loaded, drafts, now)
        except StreamMovedError:
            await waiter.until_commands_projected()
    raise BillContentionError(root_id)


async def issue_drafts(
    connection: Any, request: BillRequest, loaded: LoadedFamily, drafts: Sequence[DraftBill], now: datetime
) -> list[BillFact]:
    """Append the drafts as issued bills in the caller's transaction, numbers included. Raises: StreamMovedError."""
    # Before a number is taken, because at the row of the numbers the runs of one organization wait for each other.
    await check_not_moved(connection, loaded)
    bills = [await _bill(connection, request, loaded, draft) for draft in drafts]
    return await append_facts(connection, loaded, bills, now, request.bill_job_id)


async def check_not_moved(connection: Any, loaded: LoadedFamily) -> None:
    """Raises: StreamMovedError if the family's bills changed since it was loaded."""
    stream = stream_of(loaded.root_id)
    version = await stream_version(connection, loaded.organization, stream)
    if version != loaded.bills_version:
        raise StreamMovedError(loaded.organization, stream, version)


async def append_facts(
    connection: Any, loaded: LoadedFamily, facts: Sequence[BillFact], now: datetime, correlation: str | None = None
) -> list[BillFact]:
    """Append facts that were settled from the loaded family, if its bills are still those. Raises: StreamMovedError."""
    generations = await load_generations(connection)
    await check_not_moved(connection, loaded)
    events = [
        NewEvent(
            organization=loaded.organization,
            stream=stream_of(loaded.root_id),
            version=loaded.bills_version + place,
            fact=fact,
            time=now,
            account=fact.account_id,
            partition=loaded.positions.partition,
            correlation=correlation,
        )
        for place, fact in enumerate(facts, start=1)
    ]
    await append(connection, events, generations.commands)
    return list(facts)


def opened_or_moved(request: BillRequest, draft: DraftBill) -> BillFact:
    """The fact that opens a pending bill with this content, or moves the one that is open to the draft's date."""
    held = draft.pending
    due_date = request.due_date or draft.due_date
    if held is not None:
        return BillMoved(
            bill_id=held.bill_id,
            account_id=draft.account_id,
            root_id=draft.root_id,
            bill_job_id=request.bill_job_id,
            bill_date=draft.bill_date,
            due_date=due_date,
        )
    return BillOpened(
        bill_id=str(uuid4()),
        account_id=draft.account_id,
        root_id=draft.root_id,
        bill_job_id=request.bill_job_id,
        bill_date=draft.bill_date,
        due_date=due_date,
        currency=draft.currency,
    )


def _to_open(draft: DraftBill) -> bool:
    """Whether there is anything to do: no pending bill, or one for an earlier date."""
    return draft.pending is None or draft.pending.bill_date < draft.bill_date


async def _bill(connection: Any, request: BillRequest, loaded: LoadedFamily, draft: DraftBill) -> BillIssued:
    config, held = loaded.resources.config, draft.pending
    number = None
    if config is not None and config.body.bill_prefix:
        start = config.body.sequence_start_number or 0
        number = f"{config.body.bill_prefix}{await connection.fetchval(_NEXT_NUMBER, request.organization, start)}"
    bill = issue(
        draft,
        bill_id=held.bill_id if held else str(uuid4()),
        positions=loaded.positions,
        bill_job_id=request.bill_job_id or (held.bill_job_id if held else None),
        invoice_number=number,
    )
    return bill if request.due_date is None else bill.model_copy(update={"due_date": request.due_date})
