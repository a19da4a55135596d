"""A statement as a table for spreadsheets: a row a line, numbers as machines read them, no text that is a formula."""

import csv
from collections.abc import Iterator
from io import StringIO

from events.decimals import plain
from services.statement.statement import Statement, StatementLine

#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_HEADINGS = (
    *("line", "type", "description", "product", "child account", "from", "to", "quantity", "units", "unit"),
    *("amount", "currency", "line id", "commitment id", "balance id"),
)
#: Without it spreadsheets would not know that it is UTF-8.
_MARK = "\ufeff"


def table_of(statement: Statement) -> bytes:
    """The file, in UTF-8."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEADINGS)
    writer.writerows(_row(line, statement.currency) for line in statement.lines)
    return (_MARK + text.getvalue()).encode()


def _row(line: StatementLine, currency: str) -> Iterator[str]:
    """Of `to`, the day is the last one of the service."""
    yield str(line.number)
    yield from map(harmless, (line.type, line.text, line.product_code, line.account))
    yield from (line.first.isoformat(), line.last.isoformat(), plain(line.quantity), plain(line.units))
    yield harmless(line.unit)
    yield plain(line.amount)
    yield from map(harmless, (currency, line.id, line.commitment_id, line.balance_id))


def harmless(text: str) -> str:
    """A cell that no spreadsheet calculates: one that would begin a formula has an apostrophe before it."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
