"""The columns of exported rows, and their values, the same for each format of files."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import uuid5

from events.decimals import EXACT
from events.envelope import NAMESPACE
from events.facts.bills import BillLine
from projections.revenue.journal import Chart, Entry, entries_of
from projections.revenue.recognition import MonthPart, parts_of, recognition_of
from services.exports.reading import IssuedLines

#: MONEY has the digits of a currency's minor unit, NUMBER up to 18 after the point; MONTHS are amounts by month.
Kind = Literal["TEXT", "FLAG", "WHOLE", "DAY", "MOMENT", "MONEY", "NUMBER", "MONTHS"]
Value = str | bool | int | date | datetime | Decimal | list[MonthPart] | None
Row = tuple[Value, ...]


class Column(NamedTuple):
    """A column: its name, and the kind of its values."""

    name: str
    kind: Kind = "TEXT"


LINES = (
    *(Column("row_id"), Column("row_type"), Column("position", "WHOLE"), Column("recorded_at", "MOMENT")),
    *(Column("bill_id"), Column("invoice_number"), Column("bill_date", "DAY"), Column("due_date", "DAY")),
    *(Column("account_id"), Column("account_code"), Column("line_id"), Column("line_number", "WHOLE")),
    *(Column("line_type"), Column("true_up", "FLAG"), Column("description")),
    *(Column("charged_account_id"), Column("charged_account_code")),
    *(Column("product_id"), Column("product_code")),
    *(Column("accounting_product_id"), Column("accounting_product_code")),
    *(Column("plan_id"), Column("pricing_id"), Column("aggregation_id"), Column("segment"), Column("contract_id")),
    *(Column("commitment_id"), Column("balance_id"), Column("charge_id"), Column("paid_line_type")),
    *(Column("currency"), Column("amount", "MONEY"), Column("quantity", "NUMBER"), Column("units", "NUMBER")),
    *(Column("unit"), Column("service_start", "DAY"), Column("service_end", "DAY")),
    *(Column("recognition"), Column("months", "MONTHS")),
)
JOURNAL = (
    *(Column("row_id"), Column("entry_id"), Column("side"), Column("date", "DAY"), Column("month", "DAY")),
    *(Column("ledger_account"), Column("debit", "MONEY"), Column("credit", "MONEY"), Column("currency")),
    *(Column("source"), Column("position", "WHOLE"), Column("bill_id"), Column("bill_date", "DAY")),
    *(Column("account_id"), Column("account_code"), Column("line_id"), Column("line_type")),
    *(Column("product_code"), Column("commitment_id"), Column("balance_id"), Column("description")),
)


def line_rows(issued: IssuedLines) -> list[Row]:
    """A row for each line, in the order of LINES; for a voided bill with all amounts negated."""
    return [_row(LINES, _of_line(issued, line)) for line in issued.lines]


def _of_line(issued: IssuedLines, line: BillLine) -> dict[str, Value]:
    bill, codes, voided = issued.bill, issued.codes, issued.voided
    return {
        "row_id": _row_id(line.id, voided),
        "row_type": _row_type(issued),
        "position": issued.position,
        "recorded_at": issued.time,
        "bill_id": bill.bill_id,
        "invoice_number": bill.sequential_invoice_number,
        "bill_date": bill.bill_date,
        "due_date": bill.due_date,
        "account_id": bill.account_id,
        "account_code": codes.get(bill.account_id),
        "line_id": line.id,
        "line_number": line.number,
        "line_type": line.type,
        "true_up": line.true_up,
        "description": line.description,
        "charged_account_id": line.account_id,
        "charged_account_code": codes.get(line.account_id),
        "product_id": line.product_id,
        "product_code": codes.get(line.product_id or ""),
        "accounting_product_id": line.accounting_product_id,
        "accounting_product_code": codes.get(line.accounting_product_id or ""),
        "plan_id": line.plan_id,
        "pricing_id": line.pricing_id,
        "aggregation_id": line.compound_aggregation_id or line.aggregation_id,
        "segment": line.segment,
        "contract_id": line.contract_id,
        "commitment_id": line.commitment_id,
        "balance_id": line.balance_id,
        "charge_id": line.charge_id,
        "paid_line_type": line.charge_type,
        "currency": bill.currency,
        "amount": _signed(line.amount, voided),
        "quantity": _signed(line.quantity, voided),
        "units": _signed(line.units, voided),
        "unit": line.unit,
        "service_start": line.period_start,
        "service_end": line.period_end,
        "recognition": recognition_of(line),
        "months": [part._replace(amount=_signed(part.amount, voided)) for part in parts_of(line, bill.currency)],
    }


def _signed(value: Decimal, voided: bool) -> Decimal:
    """The value as issued, or negated. Python's own arithmetic would round to 28 digits, and a quantity may have 36."""
    return EXACT.minus(value) if voided else value


def journal_rows(issued: IssuedLines, chart: Chart) -> list[Row]:
    """Two rows, debit and credit, for each entry of each line, in the order of JOURNAL."""
    bill, codes, rows = issued.bill, issued.codes, list[Row]()
    for line in issued.lines:
        product = codes.get(line.accounting_product_id or line.product_id or "")
        entries = entries_of(line, bill.bill_date, bill.currency, product, chart, voided=issued.voided)
        about: dict[str, Value] = {
            "source": _row_type(issued),
            "position": issued.position,
            "bill_id": bill.bill_id,
            "bill_date": bill.bill_date,
            "account_id": line.account_id,
            "account_code": codes.get(line.account_id),
            "line_id": line.id,
            "line_type": line.type,
            "product_code": product,
            "commitment_id": line.commitment_id,
            "balance_id": line.balance_id,
            "description": f"{'Voided: ' if issued.voided else ''}{line.description or line.type}",
        }
        for place, entry in enumerate(entries):
            rows += both_sides(_row_id(line.id, issued.voided), place, entry, bill.currency, about)
    return rows


def both_sides(whose: str, place: int, entry: Entry, currency: str, about: Mapping[str, Value]) -> list[Row]:
    """The debit and the credit of an entry, number `place` among those of the line or fund `whose`.

    `about`: the columns of JOURNAL from `source` on.
    """
    entry_id, nothing = derived_id(whose, f"entry-{place}"), Decimal(0)
    both = {"entry_id": entry_id, "date": entry.day, "month": entry.month, "currency": currency, **about}
    return [
        _row(JOURNAL, both | {"row_id": derived_id(entry_id, side), "side": side, "ledger_account": ledger} | amounts)
        for side, ledger, amounts in (
            ("DEBIT", entry.debit, {"debit": entry.amount, "credit": nothing}),
            ("CREDIT", entry.credit, {"debit": nothing, "credit": entry.amount}),
        )
    ]


def _row(columns: Sequence[Column], said: Mapping[str, Value]) -> Row:
    """The values in the order of the columns. Each column needs a value, which may be None."""
    return tuple([said[column.name] for column in columns])


def _row_type(issued: IssuedLines) -> str:
    return "VOIDED" if issued.voided else "ISSUED"


def _row_id(line_id: str, voided: bool) -> str:
    """The line's own id; for the row that takes a line back, an id derived from it."""
    return derived_id(line_id, "voided") if voided else line_id


def derived_id(of: str, name: str) -> str:
    """An id derived from another one and a name: the same for each export of the same data."""
    return str(uuid5(NAMESPACE, f"{of}/{name}"))
