"""The amounts that earlier bills charged, by line key, and the pending bills: the fold of one root's bill facts (rules
8.5, 8.11).

A pending bill is opened but not issued. Its lines are derived on every read; only its memos are stored.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from typing import NamedTuple

from events.bill_parts import BillParts
from events.decimals import EXACT
from events.facts.base import Fact
from events.facts.bills import (
    BillDropped,
    BillFact,
    BillIssued,
    BillLine,
    BillMoved,
    BillOpened,
    BillVoided,
    LineType,
    MemoAdded,
    MemoChanged,
    MemoRemoved,
)
from events.resources.charges import Memo
from projections.line_types import MEMO_TYPES


class LineKey(NamedTuple):
    """The identity of a bill line; a bill has at most one line per key.

    `plan_id` is the group's id for a plan group's own charges. `item_id` is the pricing, the counter or the one-off
    charge, "" for a plan's own charges: what a counter costs under another price is a difference of the same line.
    `agreement_id` is the commitment or balance. `pays` is, for a draw, the type of the charge that the draw pays,
    otherwise "".
    """

    account_id: str
    currency: str
    type: LineType
    owner_id: str
    product_id: str
    plan_id: str
    item_id: str
    start: date
    agreement_id: str
    pays: str = ""


def content_of(line: BillLine) -> str:
    """The content of a line, without its place on the bill: its number, and the id that is made from the number."""
    return line.model_dump_json(exclude={"id", "number"})


def in_words(line: BillLine) -> str:
    """The words of a line for what it charges, with its days."""
    return f"{line.type} {line.amount} for {line.period_start} to {line.period_end}"


def key_of(account_id: str, currency: str, line: BillLine) -> LineKey:
    """The key of a line on a bill of this account in this currency."""
    return LineKey(
        account_id=account_id,
        currency=currency,
        type=line.type,
        owner_id=line.account_id,
        product_id=line.product_id or "",
        plan_id=line.plan_id or line.plan_group_id or "",
        item_id=line.counter_id or line.pricing_id or line.charge_id or "",
        start=line.period_start,
        agreement_id=line.commitment_id or line.balance_id or "",
        pays=line.charge_type or "",
    )


@dataclass(frozen=True, slots=True)
class BilledLine:
    """The amount billed for a key so far, and its last line, whose wording is kept."""

    amount: Decimal
    quantity: Decimal
    units: Decimal
    last: BillLine
    #: By end of the period, the parts of the amount that are for another one than the last line's; none is 0.
    other_ends: Mapping[date, Decimal]

    def by_end(self) -> dict[date, Decimal]:
        """The amount by the end of the period for which it was billed."""
        return {**self.other_ends, self.last.period_end: self.amount - sum(self.other_ends.values())}


def _other_ends(before: BilledLine | None, line: BillLine) -> Mapping[date, Decimal]:
    """What was billed for other ends of the period than this line's, with the parts that this line has of them."""
    if line.other_ends is None and (before is None or before.last.period_end == line.period_end):
        return before.other_ends if before else {}
    ends = before.by_end() if before else {}
    for part in line.other_ends or ():
        ends[part.period_end] = part.amount + ends.get(part.period_end, Decimal(0))
    return {end: amount for end, amount in ends.items() if amount and end != line.period_end}


@dataclass(slots=True)
class PendingBill:
    """A bill of one account in one currency, to be settled for `bill_date` when it is approved."""

    bill_id: str
    account_id: str
    currency: str
    bill_date: date
    due_date: date
    bill_job_id: str | None
    #: By id, in the order in which they were added.
    memos: dict[str, Memo] = field(default_factory=dict)


def evolve_pending(pending: dict[str, PendingBill], fact: BillFact) -> None:
    """Apply a fact about a bill to the pending bills, which are held by id."""
    match fact:
        case BillOpened():
            pending[fact.bill_id] = PendingBill(
                fact.bill_id, fact.account_id, fact.currency, fact.bill_date, fact.due_date, fact.bill_job_id
            )
        case BillMoved():
            bill = pending[fact.bill_id]
            bill.bill_date, bill.due_date = fact.bill_date, fact.due_date
            bill.bill_job_id = fact.bill_job_id or bill.bill_job_id
        case MemoAdded() | MemoChanged():
            pending[fact.bill_id].memos[fact.memo_id] = fact.body
        case MemoRemoved():
            del pending[fact.bill_id].memos[fact.memo_id]
        case BillDropped() | BillIssued():
            pending.pop(fact.bill_id, None)
        case _:
            pass


@dataclass(slots=True)
class Billed:
    """The bills of one root. `bills` are the issued bills that were not voided, each with all of its lines, by id, in
    the order of issue.
    """

    bills: dict[str, BillIssued] = field(default_factory=dict)
    by_key: dict[LineKey, BilledLine] = field(default_factory=dict)
    #: Latest bill date by bill account.
    latest: dict[str, date] = field(default_factory=dict)
    #: Bills that are opened and not issued, by id.
    pending: dict[str, PendingBill] = field(default_factory=dict)
    #: The day until which bills charged usage before the end of its billing period (rules 8.15); None if no bill did.
    ahead_until: date | None = None
    #: The number of facts about each bill, which is its version on the wire.
    versions: dict[str, int] = field(default_factory=dict)
    _parts: BillParts = field(default_factory=BillParts, repr=False, compare=False)

    def evolve(self, fact: Fact) -> None:
        """Apply a fact of the root's bill stream; other facts leave it unchanged.

        Lines that come before their `BillIssued` are held until it arrives. Raises: BrokenBillError.
        """
        whole = self._parts.whole(fact) if isinstance(fact, BillFact) else None
        if whole is not None:
            self._apply(whole)

    def _apply(self, fact: BillFact) -> None:
        self.versions[fact.bill_id] = self.versions.get(fact.bill_id, 0) + 1
        evolve_pending(self.pending, fact)
        match fact:
            case BillIssued():
                self.bills[fact.bill_id] = fact
                self._add(fact)
            case BillVoided():
                self._void(fact.bill_id)
            case _:
                pass

    def pending_of(self, account_id: str) -> dict[str, PendingBill]:
        """The account's pending bills by currency; there is at most one in each."""
        return {bill.currency: bill for bill in self.pending.values() if bill.account_id == account_id}

    def through(self, day: date) -> date:
        """The day by which the family is settled if this day is asked for: the day of its latest bill, if that is later
        (rules 8.3).

        Otherwise balances and bills would disagree.
        """
        return max([day, *self.latest.values()])

    def bill_date(self, account_id: str, asked: date) -> date:
        """The date of the account's next bill if this date is asked for: never before the date of an earlier bill."""
        opened = (bill.bill_date for bill in self.pending_of(account_id).values())
        return max([asked, self.latest.get(account_id, asked), *opened])

    def dated_by(self, day: date) -> "Billed":
        """The valid bills that are dated by the day, without pending ones."""
        dated = Billed(bills={id: bill for id, bill in self.bills.items() if bill.bill_date <= day})
        for bill in dated.bills.values():
            dated._add(bill)
        return dated

    def is_ahead(self, through: date) -> bool:
        """Whether a valid bill has charged usage of a billing period that is not over by this day."""
        return self.ahead_until is not None and self.ahead_until > through

    def latest_bill(self, account_id: str, currency: str) -> str:
        """The id of the account's last valid bill in the currency; "" without such a bill."""
        bills = (bill for bill in reversed(self.bills.values()) if bill.account_id == account_id)
        return next((bill.bill_id for bill in bills if bill.currency == currency), "")

    def charged_beside(self, accounts: Container[str]) -> Decimal:
        """The amounts that the bills charge to accounts other than these."""
        with localcontext(EXACT):
            return sum((line.amount for key, line in self.by_key.items() if key.account_id not in accounts), Decimal(0))

    def _add(self, bill: BillIssued) -> None:
        self.latest[bill.account_id] = max(bill.bill_date, self.latest.get(bill.account_id, bill.bill_date))
        if bill.accrued_until is not None and not self.is_ahead(bill.accrued_until):
            self.ahead_until = bill.accrued_until
        with localcontext(EXACT):
            for line in bill.lines:
                if line.type in MEMO_TYPES:  # a memo is put on once, by hand: it is never due again
                    continue
                key = key_of(bill.account_id, bill.currency, line)
                before = self.by_key.get(key)
                self.by_key[key] = BilledLine(
                    line.amount + (before.amount if before else 0),
                    line.quantity + (before.quantity if before else 0),
                    line.units + (before.units if before else 0),
                    line,
                    _other_ends(before, line),
                )

    def _void(self, bill_id: str) -> None:
        """Fold the remaining bills again. Voiding is rare, and a key may get back the wording of an older line."""
        self.bills.pop(bill_id, None)
        self.by_key.clear()
        self.latest.clear()
        self.ahead_until = None
        for bill in self.bills.values():
            self._add(bill)
