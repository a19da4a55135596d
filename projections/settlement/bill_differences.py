"""Bills as differences: what is due for a key up to now, less what earlier bills charged for it (rules 8.1 to 8.4)."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID, uuid5

from events.decimals import EXACT
from events.facts.bills import BillIssued, Positions
from projections.aggregates import shown
from projections.rating.terms import AccountTerms
from projections.settlement.billed import Billed, BilledLine, LineKey, PendingBill
from projections.settlement.drafts import (
    DraftBill,
    DraftLine,
    frequency_of,
    memo_lines,
    wording_of,
)
from projections.settlement.family import Family, FamilyTerms
from projections.settlement.given_back import given_back_wording, other_ends
from projections.settlement.left_alone import left_alone
from projections.settlement.lines import DueLine
from projections.settlement.reading_order import reading_order_of
from projections.settlement.settle import settle, settled
from projections.settlement.settled import SettledState, Settlement
from projections.too_large import check_size


def draft_bills(
    family: Family,
    *,
    date: date,
    account_id: str | None = None,
    kept: SettledState | None = None,
    accrued: bool = False,
) -> list[DraftBill]:
    """The non-empty bills of a family for a date; only those of one account, if an account is given.

    An account with a later bill, issued or pending, is settled for that bill's date. The whole family is settled either
    way. The draft of a pending bill has the bill's id and its memos. `accrued`: the drafts charge all usage that has
    arrived, also of billing periods that are not over (rules 8.15); pending bills then stay unchanged.
    """
    accounts = [account for account in family.terms.accounts if account_id in (None, account)]
    #: By the day that they are for: most accounts share one. With each the keys that it leaves alone.
    settlements: dict[Any, tuple[Settlement, Set[LineKey]]] = {}
    drafts: list[DraftBill] = []
    for account in accounts:
        through = family.billed.bill_date(account, date)
        if through not in settlements:
            settlement = _settled_for(family, through, accrued, kept)
            between = settlement.kept.accrued and not accrued
            left = left_alone(settlement.lines, family.billed.by_key, through) if between else frozenset[LineKey]()
            settlements[through] = settlement, left
        pending = None if accrued else family.billed.pending_of(account)
        drafts.extend(_drafts(*settlements[through], account, family.billed, pending, ahead=accrued))
    return drafts


def draft_again(family: Family, bill: BillIssued) -> DraftBill | None:
    """The draft of an issued bill, from its family as of the bill's positions; None: nothing was due."""
    drafts = draft_bills(family, date=bill.bill_date, account_id=bill.account_id, accrued=_is_accrued(bill))
    draft = next((draft for draft in drafts if draft.currency == bill.currency), None)
    if draft is None or any(line.other_ends for line in bill.lines):
        return draft
    # It may have been issued before lines had other ends.
    lines = (replace(line, wording={**line.wording, "other_ends": None}) for line in draft.lines)
    return replace(draft, lines=tuple(lines))


def settled_again(family: Family, bill: BillIssued) -> Settlement:
    """The settlement from which an issued bill's lines were made. `family` is as it was at the bill's positions."""
    return _settled_for(family, bill.bill_date, _is_accrued(bill))


def _is_accrued(bill: BillIssued) -> bool:
    return bill.accrued_until is not None


def _settled_for(family: Family, through: date, accrued: bool, kept: SettledState | None = None) -> Settlement:
    """The settlement of a bill; after a bill ahead of its period's end, all usage draws, so nothing is drawn twice
    (8.15).
    """
    return settle(family, through=through, accrued=accrued or family.billed.is_ahead(through), kept=kept)


def unbilled(
    family: Family, *, as_of: date, account_id: str | None = None, kept: SettledState | None = None
) -> list[DraftBill]:
    """The charges that have arrived or are due by the date and are not billed yet, in the shape of a preview."""
    return unbilled_of(settled(family, as_of, kept=kept), account_id)


def unbilled_of(settlement: Settlement, account_id: str | None = None) -> list[DraftBill]:
    """The charges in a settlement of all arrived usage that no bill has yet: of one account, or of all."""
    accounts = [account_id] if account_id else list(settlement.terms.accounts)
    earlier = settlement.family.billed
    return [draft for account in accounts for draft in _drafts(settlement, frozenset(), account, earlier, ahead=True)]


def unbilled_by(settlement: Settlement, account_id: str) -> list[DraftBill]:
    """All settled charges that no bill dated by the settlement's day has charged (rules 8.16)."""
    billed, day = settlement.family.billed, settlement.through
    is_latest = billed.through(day) == day  # usually true, and then no bills are folded again
    earlier = billed if is_latest else billed.dated_by(day)
    return list(_drafts(settlement, frozenset(), account_id, earlier, ahead=True))


def issue(
    draft: DraftBill,
    *,
    bill_id: str,
    positions: Positions,
    bill_job_id: str | None = None,
    invoice_number: str | None = None,
) -> BillIssued:
    """The fact that issues a draft. A line's id is uuid5 of the bill's id and its number; a memo's line has the memo's
    id.
    """
    namespace = UUID(bill_id)
    more = {} if draft.accrued_until is None else {"accrued_until": draft.accrued_until}
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
        **more,
    )


def _drafts(
    settlement: Settlement,
    left: Set[LineKey],
    account_id: str,
    earlier: Billed,
    pending: Mapping[str, PendingBill] | None = None,
    *,
    ahead: bool,
) -> Iterable[DraftBill]:
    """One draft for each currency with differences to the account's earlier bills, or with memos on a pending bill.

    `left` are keys that stay as they were billed. `ahead`: usage is charged that is not due yet.
    """
    account, opened = settlement.terms.accounts[account_id], pending or {}
    every = (key for keys in (settlement.lines, earlier.by_key) for key in keys if key.account_id == account_id)
    keys = set(every) - left
    reading_order = reading_order_of(settlement)
    for currency in sorted({key.currency for key in keys} | opened.keys()):
        of_currency = [key for key in keys if key.currency == currency]
        lines = sorted(_differences(settlement, of_currency, earlier), key=reading_order)
        pending_bill = opened.get(currency)
        memos = memo_lines(pending_bill, account.zone) if pending_bill else []
        if lines or memos:
            until = _accrued_until(settlement, of_currency) if ahead else None
            yield _bill(settlement, account, currency, lines, memos, pending_bill, until)


def _differences(settlement: Settlement, keys: Iterable[LineKey], earlier: Billed) -> Iterator[DraftLine]:
    """A line for each of the keys whose amount or quantity is not what was billed."""
    due, billed = settlement.lines, earlier.by_key
    for key in keys:
        line = _difference(settlement.terms, key, due.get(key), billed.get(key))
        if line is not None:
            yield line


def _accrued_until(settlement: Settlement, keys: Iterable[LineKey]) -> date:
    """The day on which the last of these lines is due; the settlement's day if no line is charged ahead."""
    lines = (settlement.lines.get(key) for key in keys)
    return max([settlement.through, *(line.due for line in lines if line is not None and line.due is not None)])


def _difference(terms: FamilyTerms, key: LineKey, due: DueLine | None, billed: BilledLine | None) -> DraftLine | None:
    """The net line of a key; None if neither amount nor quantity differs. Raises: TooLargeError."""
    amount = due.money if due else Decimal(0)
    quantity, units = (shown(due.quantity), shown(due.units)) if due else (Decimal(0), Decimal(0))
    if billed is not None:
        with localcontext(EXACT):
            amount, quantity, units = amount - billed.amount, quantity - billed.quantity, units - billed.units
    if not amount and not quantity:
        return None
    check_size(key.owner_id, (key.type, "from", key.start), amount, quantity, units)
    if due is not None:
        wording = wording_of(key, due)
    else:
        assert billed is not None
        wording = given_back_wording(terms, key, billed.last)
    if billed is not None:
        wording["other_ends"] = other_ends(billed, wording["period_end"])
    return DraftLine(key, 0, amount, quantity, units, wording)


def _bill(
    settlement: Settlement,
    account: AccountTerms,
    currency: str,
    lines: list[DraftLine],
    memos: list[DraftLine],
    pending: PendingBill | None,
    accrued_until: date | None,
) -> DraftBill:
    numbered = tuple(replace(line, number=number) for number, line in enumerate([*lines, *memos], 1))
    with localcontext(EXACT):
        total = sum((line.amount for line in numbered), Decimal(0))
    check_size(account.id, ("the total of its bill in", currency), total)
    frequency, interval = frequency_of(settlement, lines, memos)
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
        accrued_until=accrued_until,
    )


def _due_date(settlement: Settlement, account: AccountTerms, pending: PendingBill | None) -> date:
    """A pending bill keeps its due date from its opening, unless it is settled for a later date."""
    if pending is not None and pending.bill_date == settlement.through:
        return pending.due_date
    return settlement.through + timedelta(days=account.days_before_due)
