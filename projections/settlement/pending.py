"""Pending bills: opened and not issued. Their lines are derived whenever they are read; only their memos are held."""

from dataclasses import dataclass, field
from datetime import date

from events.facts.bills import (
    BillDropped,
    BillFact,
    BillIssued,
    BillMoved,
    BillOpened,
    MemoAdded,
    MemoChanged,
    MemoRemoved,
)
from events.resources.memos import Memo


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
    """Apply a fact about a bill to the pending bills by id."""
    match fact:
        case BillOpened():
            pending[fact.bill_id] = PendingBill(
                fact.bill_id, fact.account_id, fact.currency, fact.bill_date, fact.due_date, fact.bill_job_id
            )
        case BillMoved():
            held = pending[fact.bill_id]
            held.bill_date, held.due_date = fact.bill_date, fact.due_date
            held.bill_job_id = fact.bill_job_id or held.bill_job_id
        case MemoAdded() | MemoChanged():
            pending[fact.bill_id].memos[fact.memo_id] = fact.body
        case MemoRemoved():
            del pending[fact.bill_id].memos[fact.memo_id]
        case BillDropped() | BillIssued():
            pending.pop(fact.bill_id, None)
        case _:
            pass
