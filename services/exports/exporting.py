"""From the store to a sheet: lines, or a journal of them, of a range."""

import asyncio
from collections.abc import AsyncIterator, Callable

from projections.revenue.journal import Chart
from services.concurrency import compute
from services.exports.closing import closing_rows
from services.exports.columns import Row, journal_rows, line_rows
from services.exports.reading import Connect, Issued, read_issued
from services.exports.watermark import Range
from services.exports.writing import Sheet

#: Rows of what was read of a bill at once.
Rows = Callable[[Issued], list[Row]]


async def export_lines(connect: Connect, organization: str, asked: Range, sheet: Sheet) -> int:
    """Every line of the range; returns how many rows that is."""
    return await _export(_rows(connect, organization, asked, line_rows), sheet)


async def export_journal(connect: Connect, organization: str, asked: Range, chart: Chart, sheet: Sheet) -> int:
    """What every line of the range moves, then what closes prepayments that are over; returns how many rows that is."""

    async def rows() -> AsyncIterator[list[Row]]:
        async for some in _rows(connect, organization, asked, lambda issued: journal_rows(issued, chart)):
            yield some
        async for some in closing_rows(connect, organization, asked, chart):
            yield some

    return await _export(rows(), sheet)


async def _rows(connect: Connect, organization: str, asked: Range, rows_of: Rows) -> AsyncIterator[list[Row]]:
    async for issued in read_issued(connect, organization, asked):
        yield await compute(organization, rows_of, issued)


async def _export(rows: AsyncIterator[list[Row]], sheet: Sheet) -> int:
    written = 0
    async for some in rows:
        await asyncio.to_thread(sheet.write, some)
        written += len(some)
    await asyncio.to_thread(sheet.finish)
    return written
