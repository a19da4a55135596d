"""Double entry: the ledger accounts, by a chart, that a bill line or an ended prepayment moves (rules 13.6 to
13.10).
"""

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
    """Ledger accounts by purpose, with defaults. Two purposes may share an account."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    #: Receivables: bills that customers owe.
    receivables: Ledger = "1200"
    #: Contract assets: revenue that is earned and not on a bill yet.
    contract_asset: Ledger = "1250"
    #: Deferred revenue, a liability: fees over time that are billed and not earned yet.
    deferred_revenue: Ledger = "2400"
    #: Customer prepayments, a liability: paid ahead for commitments and balances, and not drawn yet.
    prepayments: Ledger = "2410"
    #: Breakage: the remainder of a prepayment that can no longer be drawn.
    breakage: Ledger = "4900"
    #: Draws of commitments and balances that were never on a bill: paid elsewhere, or given free.
    unbilled_credit: Ledger = "4950"
    #: Revenue of lines that neither of the next two names.
    revenue: Ledger = "4000"
    #: Revenue by the code of a line's accounting product, and by its type: the former before the latter.
    revenue_by_product: _ByName = Field(default_factory=dict)
    revenue_by_type: _ByName = Field(default_factory=dict)

    def revenue_of(self, product_code: str | None, line_type: str) -> str:
        """The ledger account for the revenue of a line."""
        by_type = self.revenue_by_type.get(line_type, self.revenue)
        return self.revenue_by_product.get(product_code or "", by_type)


class Entry(NamedTuple):
    """One amount, above 0, that is debited to one account and credited to another, so every entry balances."""

    day: date
    #: First day of the month in which it is revenue or a release; None for other entries.
    month: date | None
    debit: str
    credit: str
    amount: Decimal


def entries_of(
    line: BillLine,
    bill_date: date,
    currency: str,
    product_code: str | None,
    chart: Chart,
    *,
    voided: bool = False,
) -> Iterator[Entry]:
    """The entries of a line: receivables on the bill's date, and its recognition on the last day of the service in each
    month.

    Between the two stands a contract asset, if the service was before the bill's date, or deferred revenue. `voided`:
    the entries that reverse the line.
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
    """The entries that bring a fund's prepayments to 0 once it can no longer be drawn.

    `left`: the amount billed for it less the amount drawn; `closed`: the amount closed before. A remainder above 0 is
    breakage; below 0 it is an amount drawn that was never billed.
    """
    month = day.replace(day=1)
    breakage = max(left, Decimal(0)) - max(closed, Decimal(0))
    yield from _moved(day, month, chart.prepayments, chart.breakage, breakage)
    unbilled = min(left, Decimal(0)) - min(closed, Decimal(0))
    yield from _moved(day, month, chart.prepayments, chart.unbilled_credit, unbilled)


def _moved(day: date, month: date | None, debit: str, credit: str, amount: Decimal) -> Iterator[Entry]:
    """A negative amount moves in the opposite direction; 0, and an amount within one account, make no entry."""
    if not amount or debit == credit:
        return
    yield Entry(day, month, debit, credit, amount) if amount > 0 else Entry(day, month, credit, debit, -amount)
