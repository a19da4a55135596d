"""Issuing or opening bills by the page: settle many families from one snapshot, append them in one transaction.

A run that ends anywhere leaves whole pages: nothing of a page is durable before all of it is, and what is not billed
is due again for the next run.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import uuid4

from events.actors import BILLING
from events.facts.bills import BillFact, BillIssued, BillMoved, BillOpened
from projections.settlement import DraftBill, draft_bills, issue
from services.billing.appending import Settled, append_page
from services.billing.selection import Target
from services.concurrency import compute
from services.failures import ExpectedFailure, Worded
from services.postgres import Postgres
from services.readside.family_now import LoadedFamily, load_page
from services.readside.progress import Waiter

#: How long a page's families are settled without a break.
TURN_SECONDS = 0.05
#: Somebody else changed the bills of the same family each time we had settled it.
ATTEMPTS = 20


class BillContentionError(Worded, ExpectedFailure):
    """the bills of account {root_id} changed during each of {attempts} attempts to issue one"""

    def __init__(self, root_id: str) -> None:
        super().__init__(root_id=root_id, attempts=ATTEMPTS)


@dataclass(frozen=True, slots=True)
class BillRequest:
    """What to bill: everything due on or before `through`."""

    organization: str
    through: date
    due_date: date | None = None
    bill_job_id: str | None = None
    #: Who asked for it.
    actor: str | None = BILLING


async def settle_page(postgres: Postgres, request: BillRequest, targets: Sequence[Target]) -> list[Settled]:
    """Settle these families as they stand in one snapshot; those of which nothing is due are left out."""
    # A family that is missing was created after the run began, or deleted since.
    page = await load_page(postgres, request.organization, [target.root_id for target in targets])
    found: list[Settled] = []
    left: Sequence[Target] = [target for target in targets if target.root_id in page]
    while left:  # what else the organization asks for gets its turn in between
        done, left = await compute(request.organization, _settle_some, request, page, left)
        found += done
    return found


def _settle_some(
    request: BillRequest, page: Mapping[str, LoadedFamily], targets: Sequence[Target]
) -> tuple[list[Settled], Sequence[Target]]:
    """The first of these families, at least one, and which are left when TURN_SECONDS are over."""
    found, over = [], time.monotonic() + TURN_SECONDS
    for number, target in enumerate(targets, start=1):
        loaded = page[target.root_id]
        if facts := _facts(request, loaded, target.account_id):
            found.append(Settled.of(loaded, facts, target.account_id))
        if time.monotonic() > over:
            return found, targets[number:]
    return found, ()


async def issue_page(
    postgres: Postgres,
    waiter: Waiter,
    request: BillRequest,
    page: Sequence[Settled],
    now: datetime,
    issued: list[BillFact],
) -> None:
    """Append the page's bills, and put each into `issued` as it is durable.

    Families whose bills somebody else changed since they were settled are settled again from what the other run
    issued, by themselves; what was settled before is never appended (decision 18). Raises: BillContentionError.
    """
    for _ in range(ATTEMPTS):
        if not page:
            return
        async with postgres.transaction() as connection:
            appended, moved = await append_page(connection, page, now, request.bill_job_id, request.actor)
        issued.extend(appended)
        if not moved:
            return
        await waiter.until_commands_projected()
        page = await settle_page(postgres, request, [Target(one.root_id, one.account_id) for one in moved])
    raise BillContentionError(page[0].root_id)


def issued_bill(request: BillRequest, loaded: LoadedFamily, draft: DraftBill) -> BillIssued:
    """The draft as an issued bill that has no invoice number yet."""
    held = draft.pending
    bill = issue(
        draft,
        bill_id=held.bill_id if held else str(uuid4()),
        positions=loaded.positions,
        bill_job_id=request.bill_job_id or (held.bill_job_id if held else None),
    )
    return bill if request.due_date is None else bill.model_copy(update={"due_date": request.due_date})


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


def _facts(request: BillRequest, loaded: LoadedFamily, account_id: str | None) -> list[BillFact]:
    """What is to be appended for a family: issued bills, or pending ones where the organization has a grace period."""
    drafts = draft_bills(loaded.family, date=request.through, account_id=account_id)
    if loaded.resources.grace_period:
        return [opened_or_moved(request, draft) for draft in drafts if _to_open(draft)]
    return [issued_bill(request, loaded, draft) for draft in drafts]


def _to_open(draft: DraftBill) -> bool:
    """Whether there is anything to do: no pending bill, or one for an earlier date."""
    return draft.pending is None or draft.pending.bill_date < draft.bill_date
