"""Memos as lines of their pending bill."""

from decimal import Decimal

from projections.calendar import named_day
from projections.settlement.billed import LineKey
from projections.settlement.drafts import DraftLine
from projections.settlement.pending import PendingBill

ONE = Decimal(1)


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
