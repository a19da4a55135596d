"""What an exported row says, column by column, whichever file it is written to."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import uuid5

from events.envelope import NAMESPACE
from projections.revenue.journal import Chart, Entry, entries_of
from projections.revenue.recognition import Part, parts_of, recognition_of
from services.exports.reading import Issued

#: MONEY has the digits of a currency's minor unit, NUMBER up to 18 after the point; MONTHS are amounts by month.
Kind = Literal["TEXT", "FLAG", "WHOLE", "DAY", "MOMENT", "MONEY", "NUMBER", "MONTHS"]
Value = str | bool | int | date | datetime | Decimal | list[Part] | None
Row = tuple[Value, ...]


class Column(NamedTuple):
    """A column by its name."""

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


def line_rows(issued: Issued) -> list[Row]:
    """A row for each line, in the order of LINES; of a voided bill, with all amounts the other way."""
    bill, codes, sign = issued.bill, issued.codes, -1 if issued.voided else 1
    row_type, rows = "VOIDED" if issued.voided else "ISSUED", list[Row]()
    for line in issued.lines:
        months = [part._replace(amount=sign * part.amount) for part in parts_of(line, bill.currency)]
        product, accounting = line.product_id, line.accounting_product_id
        rows.append((
            *(_row_id(line.id, issued.voided), row_type, issued.position, issued.time),
            *(bill.bill_id, bill.sequential_invoice_number, bill.bill_date, bill.due_date),
            *(bill.account_id, codes.get(bill.account_id), line.id, line.number),
            *(line.type, line.true_up, line.description),
            *(line.account_id, codes.get(line.account_id)),
            *(product, codes.get(product or "")),
            *(accounting, codes.get(accounting or "")),
            *(line.plan_id, line.pricing_id, line.compound_aggregation_id or line.aggregation_id),
            *(line.segment, line.contract_id),
            *(line.commitment_id, line.balance_id, line.charge_id, line.charge_type),
            *(bill.currency, sign * line.amount, sign * line.quantity, sign * line.units),
            *(line.unit, line.period_start, line.period_end),
            *(recognition_of(line), months),
        ))  # fmt: skip
    return rows


def journal_rows(issued: Issued, chart: Chart) -> list[Row]:
    """Two rows for each entry of each line, debit and credit, in the order of JOURNAL."""
    bill, codes, rows = issued.bill, issued.codes, list[Row]()
    for line in issued.lines:
        product = codes.get(line.accounting_product_id or line.product_id or "")
        entries = entries_of(line, bill.bill_date, bill.currency, product, chart, voided=issued.voided)
        what = f"{'Voided: ' if issued.voided else ''}{line.description or line.type}"
        about = (
            *("VOIDED" if issued.voided else "ISSUED", issued.position, bill.bill_id, bill.bill_date),
            *(line.account_id, codes.get(line.account_id), line.id, line.type),
            *(product, line.commitment_id, line.balance_id, what),
        )
        for place, entry in enumerate(entries):
            rows += both_sides(_row_id(line.id, issued.voided), place, entry, bill.currency, about)
    return rows


def both_sides(whose: str, place: int, entry: Entry, currency: str, about: Row) -> list[Row]:
    """The two rows of an entry, the one with this number of whose it is."""
    entry_id, nothing = derived_id(whose, f"entry-{place}"), Decimal(0)
    sides: list[tuple[str, str, Decimal, Decimal]] = [
        ("DEBIT", entry.debit, entry.amount, nothing),
        ("CREDIT", entry.credit, nothing, entry.amount),
    ]
    return [
        (derived_id(entry_id, side), entry_id, side, entry.day, entry.month, ledger, debit, credit, currency, *about)
        for side, ledger, debit, credit in sides
    ]


def _row_id(line_id: str, voided: bool) -> str:
    """The line's own id; of what takes it back one that follows from it."""
    return derived_id(line_id, "voided") if voided else line_id


def derived_id(of: str, name: str) -> str:
    """The same id whenever the same is exported."""
    return str(uuid5(NAMESPACE, f"{of}/{name}"))
