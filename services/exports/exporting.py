"""Writes the lines of a range, or a journal of them, from the store to a sheet."""

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
    """Write every line of the range; returns the number of rows."""
    return await _export(_rows(connect, organization, asked, None), sheet)


async def export_journal(connect: Connect, organization: str, asked: Range, chart: Chart, sheet: Sheet) -> int:
    """Write the ledger entries of every line of the range, then those that close prepayments that are over; returns the
    number of rows.
    """
    return await _export(_rows(connect, organization, asked, chart), sheet)


async def _rows(connect: Connect, organization: str, asked: Range, chart: Chart | None) -> AsyncIterator[list[Row]]:
    """The rows, a group at a time: lines, or with a chart their ledger entries and the closing entries."""
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
