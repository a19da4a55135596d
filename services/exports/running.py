"""One export by the command line, from its last watermark on, to a folder or to standard output."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, NamedTuple

from projections.revenue.journal import Chart
from services.archive.defects import with_extra
from services.exports.columns import Column
from services.exports.exporting import export_journal, export_lines
from services.exports.folder import Folder
from services.exports.reading import end_of_log, newest_of
from services.exports.watermark import Range, Watermark, checked_range
from services.exports.writing import Format, open_sheet
from services.failures import ExpectedFailure, Worded
from services.postgres import Connection, Postgres
from services.postgres.locks import Lock

STANDARD_OUTPUT = "-"
_ALIVE = "SELECT 1"
_TRY_LOCK = "SELECT pg_try_advisory_lock($1, hashtext($2))"


class BusyFolderError(Worded, ExpectedFailure):
    """another export is writing to {out}: its file would have the same lines"""


@dataclass(frozen=True, slots=True)
class WantedExport:
    """What to export: an organization's facts from watermark `since` to `until`, and for a journal the day `closed` up
    to which prepayments that are over are closed. None: from the end of the folder's files, to the end of the log.
    """

    organization: str
    kind: str
    columns: Sequence[Column]
    #: Types of the facts that the export is about.
    about: Sequence[str]
    #: The chart of accounts of a journal; None: the lines themselves are exported.
    chart: Chart | None
    since: Watermark | None
    until: Watermark | None
    format: Format
    out: str
    closed: date | None = None


class Exported(NamedTuple):
    """The range that was written, its number of rows, and the file's address; None for standard output, and for a
    folder that already has everything.
    """

    asked: Range
    rows: int
    path: str | None


async def run_export(postgres: Postgres, wanted: WantedExport) -> Exported:
    """Run the export. Raises: ExtraMissingError, PlaceError, PlaceAwayError, GapError, BusyFolderError; errors of
    `checked_range`.
    """
    async with postgres.connection() as connection:
        log = (await end_of_log(connection))._replace(closed=wanted.closed)
        newest = await newest_of(connection, wanted.organization, wanted.about, log)
    if wanted.out == STANDARD_OUTPUT:
        asked = checked_range(wanted.since, wanted.until, newest, log)
        return Exported(asked, await _write(postgres, wanted, asked, sys.stdout.buffer), None)
    folder = Folder(wanted.out, wanted.organization, wanted.kind)
    async with _alone(postgres, folder, wanted.out) as lock:
        since = await asyncio.to_thread(folder.since, wanted.since)
        asked = checked_range(since, wanted.until, newest, log)
        if asked.is_empty:
            return Exported(asked, 0, None)
        with folder.file_of(asked, wanted.format) as (file, path):
            rows = await _write(postgres, wanted, asked, file)
            # Without the lock, which a paused process may have lost, another one may have added these lines.
            await lock.fetchval(_ALIVE)
    return Exported(asked, rows, path)


async def _write(postgres: Postgres, wanted: WantedExport, asked: Range, file: BinaryIO) -> int:
    about = {"organization": wanted.organization, "since": asked.since.text, "until": asked.until.text}
    with with_extra():
        sheet = open_sheet(wanted.format, file, wanted.columns, about)
    if wanted.chart is None:
        rows = await export_lines(postgres.connection, wanted.organization, asked, sheet)
    else:
        rows = await export_journal(postgres.connection, wanted.organization, asked, wanted.chart, sheet)
    file.flush()
    return rows


@asynccontextmanager
async def _alone(postgres: Postgres, folder: Folder, out: str) -> AsyncIterator[Connection]:
    """Keep other exports from adding a file to the same folder during the block. The lock ends with its connection,
    which is returned, so a killed process leaves none.

    Raises: BusyFolderError.
    """
    async with postgres.alone() as connection:
        if not await connection.fetchval(_TRY_LOCK, Lock.EXPORT_FOLDER, folder.address):
            raise BusyFolderError(out=out)
        yield connection
