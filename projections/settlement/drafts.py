"""Bills and lines before they are issued, memos among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from events.facts.bills import BillLine, LineType
from projections.calendar import named_day
from projections.settlement.billed import LineKey
from projections.settlement.pending import PendingBill
from projections.settlement.settle import Settlement

BillingFrequency = Literal["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY", "AD_HOC", "MIXED"]
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A bill line without an id: the difference for one key. Fields as in `BillLine`."""

    key: LineKey
    number: int
    amount: Decimal
    quantity: Decimal
    units: Decimal
    wording: Mapping[str, Any]
    #: Of a memo; other lines get theirs when the bill is issued.
    id: str | None = None

    @property
    def type(self) -> LineType:
        """Its line type."""
        return self.key.type

    def line(self, line_id: str) -> BillLine:
        """The line of an issued bill."""
        return BillLine(
            id=line_id, number=self.number, amount=self.amount, quantity=self.quantity, units=self.units, **self.wording
        )


@dataclass(frozen=True, slots=True)
class DraftBill:
    """A bill that is not issued: of one account in one currency, settled for `bill_date`."""

    account_id: str
    root_id: str
    currency: str
    bill_date: date
    due_date: date
    external_invoice_date: date
    start: date
    end: date
    frequency: BillingFrequency
    interval: int | None
    timezone: str
    lines: tuple[DraftLine, ...]
    total: Decimal
    settlement: Settlement
    #: The pending bill that it is the content of.
    pending: PendingBill | None = None


def memo_lines(pending: PendingBill, zone: str) -> list[DraftLine]:
    """One line per memo, in the order in which they were added; a credit is negative. They have the memos' ids."""
    found = []
    for memo_id, memo in pending.memos.items():
        start = named_day(memo.service_period_start_date, zone)
        key = LineKey(
            pending.account_id,
            pending.currency,
            memo.line_item_type,
            pending.account_id,
            memo.product_id,
            "",
            "",
            start,
            memo_id,
        )
        wording = {
            "type": memo.line_item_type,
            "account_id": pending.account_id,
            "description": memo.description,
            "period_start": start,
            "period_end": named_day(memo.service_period_end_date, zone),
            "product_id": memo.product_id,
            "accounting_product_id": memo.accounting_product_id,
        }
        amount = -memo.amount if memo.line_item_type == "CREDIT_MEMO" else memo.amount
        found.append(DraftLine(key, 0, amount, ONE, ONE, wording, memo_id))
    return found
