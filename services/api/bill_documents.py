"""Bills as documents: issued ones as they were issued, pending ones derived now, by the settlement of a bill run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from events.facts.bills import BillIssued, Positions
from projections.settlement import DraftBill, Family, issue
from services.api.calls import Call
from services.billing.approving import Pending, draft_of, load_pending
from services.billing.bill_document import Names, Stamps, bill_document, names_in, referred_ids
from services.billing.life import BillLife, load_life
from services.billing.stored_bills import StoredBill, known_bill, read_bills, read_names
from services.commands.refused import UnknownResource
from services.concurrency import compute
from services.readside.live import reading_live
from services.readside.past.cut import Cut
from services.readside.recalled import recall_family
from services.store.billed import read_lock_date
from services.store.execute import now_of
from services.store.listing import Search

#: Lines of a bill that are shown without a pause; more are made into documents beside the loop, on which others wait.
_LINES_AT_ONCE = 500


async def one_bill(call: Call, bill_id: str) -> dict[str, Any]:
    """The bill as of the last command. Raises: UnknownOrganization, UnknownResource."""
    async with call.reading() as connection:
        life = await load_life(connection, call.organization, bill_id)
    return await document_of(call, life)


async def document_of(call: Call, life: BillLife, *, lines: bool = True) -> dict[str, Any]:
    """The document of a bill in this state; a pending bill includes every acknowledged command.

    Raises: UnknownResource if it was dropped meanwhile.
    """
    if life.pending is not None:
        await call.waiter.until_commands_projected()
    return await _document_of(call, life, lines)


async def _document_of(call: Call, life: BillLife, lines: bool) -> dict[str, Any]:
    bill, life = await content_of(call, life)
    calculated = life.issued_at or await _now(call)
    return await _shown(call, bill, _stamps(life, calculated), lines)


async def content_of(call: Call, life: BillLife) -> tuple[BillIssued, BillLife]:
    """Its billed or pending content, and its life. A pending bill may have been issued meanwhile, and then has its
    newer life. Raises: UnknownResource if it was dropped meanwhile.
    """
    if life.pending is not None:
        pending = await _pending(call, life)
        if pending is not None:
            known = pending.draft, pending.loaded.family, pending.loaded.positions
            return await compute(life.organization, _content, life, *known), life
        async with call.postgres.connection() as connection:
            life = await load_life(connection, life.organization, life.bill_id)
    assert life.issued is not None
    return life.issued, life


async def _pending(call: Call, life: BillLife) -> Pending | None:
    """The content of a pending bill, from its recently loaded family if that has not changed."""
    loaded = await recall_family(call.postgres, life.organization, life.root_id)
    pending = loaded.family.billed.pending.get(life.bill_id)
    if pending is None:
        return await load_pending(call.postgres, call.waiter, life)
    return Pending(life, loaded, await compute(life.organization, draft_of, loaded.family, pending))


async def listed_documents(
    call: Call, wanted: Search, *, lines: bool = True
) -> tuple[list[StoredBill], list[dict[str, Any]]]:
    """Bills of the live read models, and their documents; a bill that was dropped meanwhile has none."""
    organization = call.organization
    async with reading_live(call.postgres) as connection:
        await call.configured(connection)
        stored = await read_bills(connection, organization, wanted)
        names = await read_names(connection, organization, referred_ids([bill.bill for bill in stored if bill.bill]))
        lock_date = await read_lock_date(connection, organization)
    if any(bill.bill is None for bill in stored):
        await call.waiter.until_commands_projected()
    documents = []
    for bill in stored:
        if bill.bill is not None:
            assert bill.stamps is not None
            stamps = replace(bill.stamps, lock_date=lock_date)
            documents.append(await _document(call, bill.bill, names, stamps, lines))
            continue
        try:
            async with call.postgres.connection() as connection:
                life = await load_life(connection, organization, bill.bill_id)
            documents.append(await _document_of(call, life, lines))
        except UnknownResource:
            continue
    return stored, documents


async def known_document(call: Call, bill_id: str, cut: Cut, *, lines: bool = True) -> dict[str, Any]:
    """The bill as known then, with products' names of then; account codes of an issued bill are present ones.

    Raises: UnknownResource.
    """
    bill_then = await known_bill(call.postgres, call.api.cluster, call.waiter, call.organization, bill_id, cut)
    life = bill_then.life
    if bill_then.family is None:
        assert life.issued is not None and life.issued_at is not None
        content, stamps = life.issued, _stamps(life, life.issued_at)
    else:
        known = bill_then.draft, bill_then.family.family, bill_then.family.positions
        content = await compute(life.organization, _content, life, *known)
        stamps = _stamps(life, cut.at)
    ids = referred_ids([content])
    async with call.postgres.connection() as connection:
        names = await read_names(connection, call.organization, ids)
    then = bill_then.catalog if bill_then.family is None else bill_then.family.resources
    stamps = replace(stamps, lock_date=bill_then.lock_date)
    return await _document(call, content, {**names, **names_in(then, ids)}, stamps, lines)


async def preview_documents(call: Call, bills: Sequence[BillIssued]) -> list[dict[str, Any]]:
    """Documents of bills that do not exist."""
    ids = await compute(call.organization, referred_ids, bills)
    async with call.postgres.connection() as connection:
        names = await read_names(connection, call.organization, ids)
    return await compute(call.organization, lambda: [bill_document(bill, names, None) for bill in bills])


async def _shown(call: Call, bill: BillIssued, stamps: Stamps, lines: bool) -> dict[str, Any]:
    async with call.postgres.connection() as connection:
        names = await read_names(connection, call.organization, referred_ids([bill]))
        lock_date = await read_lock_date(connection, call.organization)
    return await _document(call, bill, names, replace(stamps, lock_date=lock_date), lines)


async def _document(call: Call, bill: BillIssued, names: Names, stamps: Stamps, lines: bool) -> dict[str, Any]:
    if not lines or len(bill.lines) <= _LINES_AT_ONCE:
        return bill_document(bill, names, stamps, lines=lines)
    return await compute(call.organization, bill_document, bill, names, stamps)


def _stamps(life: BillLife, calculated: datetime) -> Stamps:
    times = life.opened_at, life.issued_at, life.locked_at, calculated
    return Stamps(life.version, *times, life.created_by, life.issued_by, life.locked_by, life.modified_by)


async def _now(call: Call) -> datetime:
    async with call.postgres.connection() as connection:
        return now_of(await call.configured(connection))


def _content(life: BillLife, draft: DraftBill | None, family: Family, positions: Positions) -> BillIssued:
    """The content that approving a pending bill would issue; without lines if nothing is due any more."""
    opened = family.billed.pending[life.bill_id]
    if draft is not None:
        return issue(draft, bill_id=life.bill_id, positions=positions, bill_job_id=opened.bill_job_id)
    account = family.terms.accounts.get(life.account_id)
    return BillIssued.model_construct(
        bill_id=life.bill_id,
        account_id=life.account_id,
        root_id=life.root_id,
        bill_job_id=opened.bill_job_id,
        bill_date=opened.bill_date,
        due_date=opened.due_date,
        start_date=opened.bill_date,
        end_date=opened.bill_date,
        billing_frequency="AD_HOC",
        currency=opened.currency,
        timezone=account.zone if account else str(UTC),
        external_invoice_date=opened.bill_date - account.invoiced_before if account else None,
        total=Decimal(0),
        positions=positions,
        lines=(),
    )
