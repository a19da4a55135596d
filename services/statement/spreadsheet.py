"""A statement as CSV for spreadsheets: a row for each line, numbers in plain notation, no text that acts as formula."""

import csv
from collections.abc import Iterator
from io import StringIO

from events.decimals import plain
from services.statement.statement import Statement, StatementLine

#: Beginnings of a cell that a spreadsheet takes for a formula; a Japanese one reads full-width signs, too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_HEADINGS = (
    *("line", "type", "description", "product", "child account", "from", "to", "quantity", "units", "unit"),
    *("amount", "currency", "line id", "commitment id", "balance id"),
)
#: The byte order mark, by which spreadsheets see that the file is UTF-8.
_MARK = "\ufeff"


def table_of(statement: Statement) -> bytes:
    """The CSV of a statement, in UTF-8."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEADINGS)
    writer.writerows(_row(line, statement.currency) for line in statement.lines)
    return (_MARK + text.getvalue()).encode()


def _row(line: StatementLine, currency: str) -> Iterator[str]:
    """The cells of a line. The column `to` has the last day of the service period, inclusive."""
    yield str(line.number)
    yield from map(harmless, (line.type, line.text, line.product_code, line.account))
    yield from (line.first.isoformat(), line.last.isoformat(), plain(line.quantity), plain(line.units))
    yield harmless(line.unit)
    yield plain(line.amount)
    yield from map(harmless, (currency, line.id, line.commitment_id, line.balance_id))


def harmless(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
