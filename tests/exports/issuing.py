"""Bills put into the event store as a bill run would, without all that a bill run needs."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from events.bill_parts import divided
from events.facts.base import Fact
from events.facts.bills import BillIssued, BillLine, BillVoided, Positions
from services.store.events import NewEvent
from tests.store.kit import NOW

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


def line_of(bill_id: str, number: int, amount: str = "1.00", **more: Any) -> BillLine:
    """A line of usage in January."""
    quantity = Decimal(number)
    given: dict[str, Any] = {"type": "USAGE", "period_start": JANUARY, "period_end": FEBRUARY, "account_id": "account"}
    id = str(uuid5(NAMESPACE_URL, f"{bill_id}/{number}"))
    amounts = {"amount": Decimal(amount), "quantity": quantity, "units": quantity}
    return BillLine(id=id, number=number, **given | amounts | more)


def bill_of(lines: int = 2, root: str = "root", bill_id: str | None = None, **more: Any) -> BillIssued:
    """A bill of so many such lines, for 2026-02-01."""
    bill_id = bill_id or str(uuid4())
    made = tuple(line_of(bill_id, number, **more) for number in range(1, lines + 1))
    return BillIssued(
        bill_id=bill_id, account_id="account", root_id=root, bill_date=FEBRUARY, due_date=FEBRUARY,
        start_date=JANUARY, end_date=FEBRUARY, billing_frequency="MONTHLY", currency="USD", timezone="UTC",
        total=sum((line.amount for line in made), Decimal(0)), lines=made,
        positions=Positions(partition=0, log=0, catalog=0),
    )  # fmt: skip


def void_of(bill: BillIssued) -> BillVoided:
    return BillVoided(bill_id=bill.bill_id, account_id=bill.account_id, root_id=bill.root_id)


def events_of(organization: str, root: str, first: int, facts: list[Fact]) -> list[NewEvent]:
    """These facts about a family's bills, numbered from version `first` on."""
    return [
        NewEvent(organization, f"bills-{root}", version, fact, NOW, account="account", partition=0)
        for version, fact in enumerate(facts, first)
    ]


def in_parts(bill: BillIssued, most: int) -> list[Fact]:
    return list(divided(bill, most))
