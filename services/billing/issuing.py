"""Issues or opens bills by the page: settles many families from one snapshot, and appends them in one transaction.

A run that ends anywhere leaves whole pages: nothing of a page is durable before all of it is, and unbilled amounts stay
due for the next run.
"""

import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import uuid4

from events.bill_parts import divided
from events.facts.bills import BillFact, BillIssued, BillMoved, BillOpened
from projections.settlement import DraftBill, draft_bills, issue
from services.billing.selection import BillRequest, FamilyToSettle
from services.concurrency import compute
from services.failures import ExpectedFailure, Worded
from services.postgres import Postgres
from services.readside.family_now import LoadedFamily, load_page
from services.readside.waiter import Waiter
from services.store.events import NewEvent, append, fact_room, lock_appends, stream_versions
from services.store.generations import load_generations
from services.store.invoice_numbers import take_invoice_numbers
from services.store.streams import bills_of

#: How long a page's families are settled without a pause.
TURN_SECONDS = 0.05
#: How often a family is settled, if its bills change each time meanwhile.
ATTEMPTS = 20


class BillContentionError(Worded, ExpectedFailure):
    """the bills of account {root_id} changed during each of {attempts} attempts to issue one"""

    def __init__(self, root_id: str) -> None:
        super().__init__(root_id=root_id, attempts=ATTEMPTS)


@dataclass(frozen=True, slots=True)
class Settled:
    """The settled result of a family; valid while the stream of its bills has the version from which it was settled."""

    organization: str
    root_id: str
    #: The only account to bill, if not all are.
    account_id: str | None
    version: int
    partition: int
    #: Prefix of invoice numbers and the number before the first; None: bills have none.
    numbering: tuple[str, int] | None
    facts: tuple[BillFact, ...]

    @classmethod
    def of(cls, loaded: LoadedFamily, facts: Sequence[BillFact], account_id: str | None = None) -> Self:
        """Made from the facts for the loaded family; the rest of the loaded data is released."""
        config = loaded.resources.config
        prefix = config.body.bill_prefix if config else None
        numbering = (prefix, config.body.sequence_start_number or 0) if config and prefix else None
        version, partition = loaded.bills_version, loaded.positions.partition
        return cls(loaded.organization, loaded.root_id, account_id, version, partition, numbering, tuple(facts))


async def settle_page(postgres: Postgres, request: BillRequest, targets: Sequence[FamilyToSettle]) -> list[Settled]:
    """Settle these families as they are in one snapshot; families without due amounts are left out."""
    # A family that is missing was created after the run began.
    page = await load_page(postgres, request.organization, [target.root_id for target in targets])
    settled: list[Settled] = []
    left: Sequence[FamilyToSettle] = [target for target in targets if target.root_id in page]
    while left:  # other work of the organization gets its turn in between
        done, left = await compute(request.organization, _settle_some, request, page, left)
        settled += done
    return settled


def _settle_some(
    request: BillRequest, page: Mapping[str, LoadedFamily], targets: Sequence[FamilyToSettle]
) -> tuple[list[Settled], Sequence[FamilyToSettle]]:
    """The first of these families, at least one, and the rest once TURN_SECONDS are over."""
    settled, over = [], time.monotonic() + TURN_SECONDS
    for number, target in enumerate(targets, start=1):
        loaded = page[target.root_id]
        if facts := _facts(request, loaded, target.account_id):
            settled.append(Settled.of(loaded, facts, target.account_id))
        if time.monotonic() > over:
            return settled, targets[number:]
    return settled, ()


async def issue_page(
    postgres: Postgres,
    waiter: Waiter,
    request: BillRequest,
    page: Sequence[Settled],
    now: datetime,
) -> AsyncGenerator[list[BillFact], None]:
    """Append the page's bills, and yield them as they are durable.

    If another process has changed a family's bills since, the family is settled again alone, from the changed bills;
    the former result is never appended (decision 18). Raises: BillContentionError.
    """
    for _ in range(ATTEMPTS):
        if not page:
            return
        async with postgres.transaction() as connection:
            appended, moved = await append_page(connection, page, now, request.bill_job_id, request.actor)
        yield appended
        if not moved:
            return
        await waiter.until_commands_projected()
        page = await settle_page(
            postgres, request, [FamilyToSettle(family.root_id, family.account_id) for family in moved]
        )
    raise BillContentionError(page[0].root_id)


async def append_page(
    connection: Any,
    page: Sequence[Settled],
    now: datetime,
    correlation: str | None = None,
    actor: str | None = None,
) -> tuple[list[BillFact], list[Settled]]:
    """Append the facts of all families of one organization in the caller's transaction, with their invoice numbers.

    Returns the appended facts, durable with the commit (a bill with all lines, even if it takes several records), and
    the families whose bills changed since they were settled: nothing of theirs was appended, and they must be settled
    again. Raises: RecordTooLargeError.
    """
    generations = await load_generations(connection)
    # The lock comes before the check of versions: nobody can append between the two, so a page that passes is inserted
    # whole. It also comes before the numbers; all paths take the two in this order, so there is no deadlock.
    await lock_appends(connection)
    standing, moved = await _standing(connection, page)
    if not standing:
        return [], moved
    facts, room = await _numbered(connection, standing), fact_room(generations)
    events = [
        NewEvent(
            organization=family.organization,
            stream=bills_of(family.root_id),
            version=family.version + number,
            fact=fact,
            time=now,
            account=fact.account_id,
            partition=family.partition,
            correlation=correlation,
            actor=actor,
        )
        for family, of_family in zip(standing, facts, strict=True)
        for number, fact in enumerate(_stored(of_family, room), start=1)
    ]
    await append(connection, events, generations)
    return [fact for of_family in facts for fact in of_family], moved


def _stored(facts: Sequence[BillFact], room: int) -> Iterator[BillFact]:
    """The facts in the form of the store and the log."""
    for fact in facts:
        if isinstance(fact, BillIssued):
            yield from divided(fact, room)
        else:
            yield fact


async def _standing(connection: Any, page: Sequence[Settled]) -> tuple[list[Settled], list[Settled]]:
    """The families whose bills are unchanged since they were settled, and the others.

    Of two accounts of one family, the second is among the others, because the first one's bill changes the family.
    """
    versions = await stream_versions(connection, page[0].organization, {bills_of(family.root_id) for family in page})
    standing: list[Settled] = []
    moved: list[Settled] = []
    for family in page:
        stands = versions.pop(bills_of(family.root_id), None) == family.version
        (standing if stands else moved).append(family)
    return standing, moved


async def _numbered(connection: Any, page: Sequence[Settled]) -> list[list[BillFact]]:
    """The families' facts; each issued bill has the next invoice number, if the organization uses numbers."""
    facts = [list(family.facts) for family in page]
    # All families share one numbering, except while a change of the configuration is on its way to the partitions.
    for prefix, before in dict.fromkeys(family.numbering for family in page if family.numbering is not None):
        bills = [
            (of_family, index)
            for family, of_family in zip(page, facts, strict=True)
            if family.numbering == (prefix, before)
            for index, fact in enumerate(of_family)
            if isinstance(fact, BillIssued)
        ]
        if bills:
            last = await take_invoice_numbers(connection, page[0].organization, before, len(bills))
            for number, (of_family, index) in enumerate(bills, start=last - len(bills) + 1):
                numbered = {"sequential_invoice_number": f"{prefix}{number}"}
                of_family[index] = of_family[index].model_copy(update=numbered)
    return facts


def issued_bill(request: BillRequest, loaded: LoadedFamily, draft: DraftBill) -> BillIssued:
    """The draft as an issued bill that has no invoice number yet."""
    pending = draft.pending
    bill = issue(
        draft,
        bill_id=pending.bill_id if pending else str(uuid4()),
        positions=loaded.positions,
        bill_job_id=request.bill_job_id or (pending.bill_job_id if pending else None),
    )
    return bill if request.due_date is None else bill.model_copy(update={"due_date": request.due_date})


def opened_or_moved(request: BillRequest, draft: DraftBill) -> BillFact:
    """The fact that opens a pending bill with this content, or moves the open one to the draft's date."""
    pending = draft.pending
    due_date = request.due_date or draft.due_date
    if pending is not None:
        return BillMoved(
            bill_id=pending.bill_id,
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
    """The facts for a family: issued bills, or pending ones if the organization has a grace period."""
    drafts = draft_bills(loaded.family, date=request.through, account_id=account_id)
    if loaded.resources.grace_period:
        return [opened_or_moved(request, draft) for draft in drafts if _to_open(draft)]
    return [issued_bill(request, loaded, draft) for draft in drafts]


def _to_open(draft: DraftBill) -> bool:
    """Whether the draft needs a fact: there is no pending bill, or one for an earlier date."""
    return draft.pending is None or draft.pending.bill_date < draft.bill_date
