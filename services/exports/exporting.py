"""From the store to a sheet: lines, or a journal of them, of a range."""

import asyncio
from collections.abc import AsyncIterator

from projections.revenue.journal import Chart
from services.concurrency import compute
from services.exports.closing import closing_rows
from services.exports.columns import Row, journal_rows, line_rows
from services.exports.reading import Connect, IssuedLines, read_issued
from services.exports.watermark import Range
from services.exports.writing import Sheet


async def export_lines(connect: Connect, organization: str, asked: Range, sheet: Sheet) -> int:
    """Every line of the range; returns how many rows that is."""
    return await _export(_rows(connect, organization, asked, None), sheet)


async def export_journal(connect: Connect, organization: str, asked: Range, chart: Chart, sheet: Sheet) -> int:
    """What every line of the range moves, then what closes prepayments that are over; returns how many rows that is."""
    return await _export(_rows(connect, organization, asked, chart), sheet)


async def _rows(connect: Connect, organization: str, asked: Range, chart: Chart | None) -> AsyncIterator[list[Row]]:
    """Rows of what was read of a bill at once: lines, or by a chart what they move in a ledger, and what closes it."""
    async for issued in read_issued(connect, organization, asked):
        yield await compute(organization, _rows_of, issued, chart)
    if chart is not None:
        async for some in closing_rows(connect, organization, asked, chart):
            yield some


def _rows_of(issued: IssuedLines, chart: Chart | None) -> list[Row]:
    return line_rows(issued) if chart is None else journal_rows(issued, chart)


async def _export(rows: AsyncIterator[list[Row]], sheet: Sheet) -> int:
    written = 0
    async for some in rows:
        await asyncio.to_thread(sheet.write, some)
        written += len(some)
    await asyncio.to_thread(sheet.finish)
    return written
