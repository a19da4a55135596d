"""Bills as differences: what is due for a key up to now, less what earlier bills charged for it (rules 8.1 to 8.4)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID, uuid5

from events.decimals import EXACT
from events.facts.bills import BillIssued, Positions
from projections.aggregates import shown
from projections.line_types import READING_PLACE
from projections.rating.terms import AccountTerms
from projections.settlement.billed import Billed, BilledLine, LineKey, PendingBill
from projections.settlement.drafts import (
    BillingFrequency,
    DraftBill,
    DraftLine,
    given_back_wording,
    memo_lines,
    wording_of,
)
from projections.settlement.family import Family, FamilyTerms
from projections.settlement.lines import DueLine
from projections.settlement.settle import settle
from projections.settlement.settled import Kept, Settlement


def draft_bills(
    family: Family, *, date: date, account_id: str | None = None, kept: Kept | None = None
) -> list[DraftBill]:
    """The bills of a family for a date, without the empty ones; of one account only, when it is given.

    An account that has a later bill, issued or pending, is settled for that bill's date. The whole family is settled
    either way. A pending bill's draft has its id and its memos.
    """
    accounts = [account for account in family.terms.accounts if account_id in (None, account)]
    settled: dict[Any, Settlement] = {}
    drafts: list[DraftBill] = []
    for account in accounts:
        through = family.billed.bill_date(account, date)
        if through not in settled:
            settled[through] = settle(family, through=through, accrued=False, kept=kept)
        drafts.extend(_drafts(settled[through], account, family.billed, family.billed.pending_of(account)))
    return drafts


def unbilled(
    family: Family, *, as_of: date, account_id: str | None = None, kept: Kept | None = None
) -> list[DraftBill]:
    """What has arrived or is due by the date and is not billed yet, in the shape of a preview."""
    through = family.billed.through(as_of)
    return unbilled_of(settle(family, through=through, accrued=True, kept=kept), account_id)


def unbilled_of(settlement: Settlement, account_id: str | None = None) -> list[DraftBill]:
    """The same of a settlement of all usage that has arrived."""
    accounts = [account_id] if account_id else list(settlement.terms.accounts)
    return [draft for account in accounts for draft in _drafts(settlement, account, settlement.family.billed)]


def unbilled_by(settlement: Settlement, account_id: str) -> list[DraftBill]:
    """What of a settlement no bill that is dated by its day has charged (rules 8.15)."""
    return list(_drafts(settlement, account_id, settlement.family.billed.dated_by(settlement.through)))


def issue(
    draft: DraftBill,
    *,
    bill_id: str,
    positions: Positions,
    bill_job_id: str | None = None,
    invoice_number: str | None = None,
) -> BillIssued:
    """The fact of a draft; line ids are uuid5 of the bill's id and the line's number, or the memo's own."""
    namespace = UUID(bill_id)
    return BillIssued(
        bill_id=bill_id,
        account_id=draft.account_id,
        root_id=draft.root_id,
        bill_job_id=bill_job_id,
        bill_date=draft.bill_date,
        due_date=draft.due_date,
        start_date=draft.start,
        end_date=draft.end,
        billing_frequency=draft.frequency,
        bill_frequency_interval=draft.interval,
        currency=draft.currency,
        timezone=draft.timezone,
        sequential_invoice_number=invoice_number,
        external_invoice_date=draft.external_invoice_date,
        total=draft.total,
        lines=tuple(line.line(line.id or str(uuid5(namespace, str(line.number)))) for line in draft.lines),
        positions=positions,
    )


def _drafts(
    settlement: Settlement, account_id: str, earlier: Billed, pending: Mapping[str, PendingBill] | None = None
) -> Iterable[DraftBill]:
    """One draft for each currency in which the account has differences to the earlier bills, or a pending bill with
    memos."""
    due, billed = settlement.lines, earlier.by_key
    opened = pending or {}
    keys = {key for key in due if key.account_id == account_id}
    keys |= {key for key in billed if key.account_id == account_id}
    account = settlement.terms.accounts[account_id]
    reading_order = _reading_order(settlement)
    for currency in sorted({key.currency for key in keys} | opened.keys()):
        of_currency = [key for key in keys if key.currency == currency]
        differences = (_difference(settlement.terms, key, due.get(key), billed.get(key)) for key in of_currency)
        lines = [line for line in differences if line is not None]
        lines.sort(key=reading_order)
        memos = memo_lines(opened[currency], account.zone) if currency in opened else []
        if lines or memos:
            yield _bill(settlement, account, currency, lines, memos, opened.get(currency))


def _reading_order(settlement: Settlement) -> Callable[[DraftLine], tuple[Any, ...]]:
    """Lines by account (the bill's own first), as people read a bill: charges, what pays them, overage, fees.

    What their words leave equal follows the commitments' creation, then the codes of plans and pricings, what is only
    given back before what is due, the least amount first; ids, which mean nothing to a reader and differ from one play
    of a story to the next, come last.
    """
    terms = settlement.terms
    agreements = [*(fund.id for fund in terms.funds), *(minimum.id for minimum in terms.minimums)]
    places = {id: place for place, id in enumerate(agreements)}
    plans = {plan.of_id: plan.code for plan in terms.plans}

    def order(line: DraftLine) -> tuple[Any, ...]:
        key, due = line.key, settlement.lines.get(line.key)
        owner = terms.accounts.get(key.owner_id)
        of_account = key.owner_id != key.account_id, owner.code if owner else ""
        paid = READING_PLACE[key.pays] if key.pays else -1
        of_type = READING_PLACE[key.type], key.start, paid, line.wording["description"]
        item = due.charge.item_code if due is not None and due.charge is not None else ""
        codes = plans.get(key.plan_id, ""), line.wording.get("segment") or "", item
        agreement = places.get(key.agreement_id, len(places))
        return (*of_account, *of_type, agreement, *codes, due is not None, line.amount, *key)

    return order


def _difference(terms: FamilyTerms, key: LineKey, due: DueLine | None, billed: BilledLine | None) -> DraftLine | None:
    """The net line of a key; None when neither amount nor quantity differs."""
    amount = due.money if due else Decimal(0)
    quantity, units = (shown(due.quantity), shown(due.units)) if due else (Decimal(0), Decimal(0))
    if billed is not None:
        with localcontext(EXACT):
            amount, quantity, units = amount - billed.amount, quantity - billed.quantity, units - billed.units
    if not amount and not quantity:
        return None
    if due is not None:
        wording = wording_of(key, due)
    else:
        assert billed is not None
        wording = given_back_wording(terms, key, billed.last)
    return DraftLine(key, 0, amount, quantity, units, wording)


def _bill(
    settlement: Settlement,
    account: AccountTerms,
    currency: str,
    lines: list[DraftLine],
    memos: list[DraftLine],
    pending: PendingBill | None,
) -> DraftBill:
    numbered = tuple(replace(line, number=number) for number, line in enumerate([*lines, *memos], 1))
    with localcontext(EXACT):
        total = sum((line.amount for line in numbered), Decimal(0))
    frequency, interval = _frequency(settlement, lines, memos)
    return DraftBill(
        account_id=account.id,
        root_id=account.root_id,
        currency=currency,
        bill_date=settlement.through,
        due_date=_due_date(settlement, account, pending),
        external_invoice_date=settlement.through - account.invoiced_before,
        start=min(line.key.start for line in numbered),
        end=max(line.wording["period_end"] for line in numbered),
        frequency=frequency,
        interval=interval,
        timezone=account.zone,
        lines=numbered,
        total=total,
        settlement=settlement,
        pending=pending,
    )


def _due_date(settlement: Settlement, account: AccountTerms, pending: PendingBill | None) -> date:
    """A pending bill keeps the due date that it was opened with, unless it is settled for a later date."""
    if pending is not None and pending.bill_date == settlement.through:
        return pending.due_date
    return settlement.through + timedelta(days=account.days_before_due)


def _frequency(
    settlement: Settlement, lines: Iterable[DraftLine], memos: Sequence[DraftLine]
) -> tuple[BillingFrequency, int | None]:
    """AD_HOC when each line has a date of its own; MIXED when several frequencies are on it, or none (memos alone)."""
    frequencies: set[tuple[BillingFrequency, int]] = set()
    only_scheduled = not memos
    for line in lines:
        due = settlement.lines.get(line.key)
        if due is not None and due.scheduled:
            continue
        only_scheduled = False
        if due is not None and due.billed_by is not None:
            frequencies.add((due.billed_by.frequency, due.billed_by.interval))
    if only_scheduled:
        return "AD_HOC", None
    return frequencies.pop() if len(frequencies) == 1 else ("MIXED", None)
