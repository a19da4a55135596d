"""Double entry: which accounts of a ledger, by its chart, a bill line or a prepayment that is over moves (rules 13.6 to
13.10)."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from events.facts.bills import BillLine
from events.resources.bounds import TABLE, items
from projections.revenue.recognition import parts_of, recognition_of

Ledger = Annotated[str, Field(min_length=1, max_length=100)]
_ByName = Annotated[dict[Annotated[str, Field(max_length=100)], Ledger], items(TABLE)]


class Chart(BaseModel):
    """Accounts of the ledger by what they are for; what is not said is as here. Two may be the same account."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    #: What customers owe by their bills.
    receivables: Ledger = "1200"
    #: What is earned and not on a bill yet: an asset.
    contract_asset: Ledger = "1250"
    #: What is billed and not earned yet, of fees over time: a liability.
    deferred_revenue: Ledger = "2400"
    #: What customers have paid ahead for commitments and balances, and not drawn yet: a liability.
    prepayments: Ledger = "2410"
    #: What is left of a prepayment that can be drawn no more.
    breakage: Ledger = "4900"
    #: What was drawn of commitments and balances and never on a bill: paid elsewhere, or given.
    unbilled_credit: Ledger = "4950"
    #: What is earned, of whatever is not named by one of the next two.
    revenue: Ledger = "4000"
    #: The same by the code of a line's accounting product, and by its type: the former before the latter.
    revenue_by_product: _ByName = Field(default_factory=dict)
    revenue_by_type: _ByName = Field(default_factory=dict)

    def revenue_of(self, product_code: str | None, line_type: str) -> str:
        """The account that the revenue of a line goes to."""
        by_type = self.revenue_by_type.get(line_type, self.revenue)
        return self.revenue_by_product.get(product_code or "", by_type)


class Entry(NamedTuple):
    """One amount, above 0, that is debited to one account and credited to another: it balances by its form."""

    day: date
    #: First day of the month that it is revenue, or a release, of; None of what is neither.
    month: date | None
    debit: str
    credit: str
    amount: Decimal


def entries_of(
    line: BillLine, bill_date: date, currency: str, product_code: str | None, chart: Chart, *, voided: bool = False
) -> Iterator[Entry]:
    """What the line moves: receivables on the bill's date, and what it is recognised as on the last day of the service
    in each month. Between the two stands a contract asset, where the service was before the bill's date, or deferred
    revenue. `voided`: what undoes it.
    """
    sign = -1 if voided else 1
    if recognition_of(line) == "PREPAYMENT":
        yield from _moved(bill_date, None, chart.receivables, chart.prepayments, sign * line.amount)
        return
    release = recognition_of(line) == "RELEASE"
    target = chart.prepayments if release else chart.revenue_of(product_code, line.type)
    parts = parts_of(line, currency)
    for between, of_bill in (
        (chart.contract_asset, [part for part in parts if part.day < bill_date]),
        (chart.deferred_revenue, [part for part in parts if part.day >= bill_date]),
    ):
        billed = sum((part.amount for part in of_bill), Decimal(0))
        yield from _moved(bill_date, None, chart.receivables, between, sign * billed)
        for part in of_bill:
            yield from _moved(part.day, part.month, between, target, sign * part.amount)


def closing_of(left: Decimal, closed: Decimal, day: date, chart: Chart) -> Iterator[Entry]:
    """What makes a fund's prepayments 0 once it can be drawn no more.

    `left`: what was billed for it less what was drawn, `closed`: what was closed of it before. What is left above 0 is
    breakage, and below 0 what was drawn without ever having been billed.
    """
    month = day.replace(day=1)
    breakage = max(left, Decimal(0)) - max(closed, Decimal(0))
    yield from _moved(day, month, chart.prepayments, chart.breakage, breakage)
    unbilled = min(left, Decimal(0)) - min(closed, Decimal(0))
    yield from _moved(day, month, chart.prepayments, chart.unbilled_credit, unbilled)


def _moved(day: date, month: date | None, debit: str, credit: str, amount: Decimal) -> Iterator[Entry]:
    """A negative amount goes the other way; nothing, and what one account owes itself, is no entry."""
    if not amount or debit == credit:
        return
    yield Entry(day, month, debit, credit, amount) if amount > 0 else Entry(day, month, credit, debit, -amount)
