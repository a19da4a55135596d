"""Runs exports that were requested over HTTP, in the API's process, and resumes those of a killed process.

A job's range is fixed when it is created, so whoever resumes a job writes the same file, whole, in place of any earlier
one.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from io import RawIOBase
from typing import BinaryIO, cast

import structlog

from projections.revenue.journal import Chart
from projections.too_large import TooLargeError
from services.archive.defects import ExtraMissingError, PlaceAwayError, PlaceError, with_extra
from services.concurrency import run_together
from services.exports.columns import JOURNAL, LINES, Column
from services.exports.exporting import export_journal, export_lines
from services.exports.jobs import EXPORT_JOBS, ExportJob, Kind, Status, end_export, start_export
from services.exports.places import ExportFiles, path_of, place_of
from services.exports.reading import end_of_log
from services.exports.sweeping import Sweeper
from services.exports.usage import USAGE, export_usage, usage_asked
from services.exports.watermark import ForeignWatermarkError, Watermark, checked_range
from services.exports.writing import open_sheet
from services.failures import Passing, Worded
from services.interruptions import INTERRUPTIONS
from services.jobs.runner import JobRunner
from services.outage import Outage
from services.postgres import Postgres
from services.readside.waiter import Waiter
from services.readside.watching import Watcher

log = structlog.get_logger(__name__)
#: Interval, in seconds, of looks for a job's facts in the log; and how long a job keeps its place while it waits for
#: them, before another organization's job gets that place.
NOT_YET_SECONDS, IN_PLACE_SECONDS = 0.1, 2.0
#: Interval, in seconds, of looks for files that have been kept long enough.
SWEEP_SECONDS = 3600.0
#: Number of organizations whose files a process writes at once.
ORGANIZATIONS_AT_ONCE = 4
_COLUMNS: dict[Kind, Sequence[Column]] = {"usage": USAGE, "bill-lines": LINES, "journal": JOURNAL}


class LogBehindError(Worded, Passing):
    """the log does not have all facts of the export yet: is the relay running?"""


class ExportRunner:
    """Runs the jobs, and removes their files after their time.

    `watcher`: an export of usage waits until everything that was there is projected. `every`: connections that can see
    the jobs of all organizations; an organization's data is read on its own connections. `files`: where files are, and
    how long they are kept.
    """

    def __init__(self, postgres: Postgres, every: Postgres, watcher: Watcher, files: ExportFiles) -> None:
        self._postgres, self._every, self._waiter, self.url = postgres, every, Waiter(watcher), files.url
        self._sweeper = Sweeper(postgres, every, files)
        self._jobs = JobRunner(EXPORT_JOBS, every, self._carry_out, "export", ORGANIZATIONS_AT_ONCE)

    def wake(self) -> None:
        """Look for jobs at once, because there is a new one."""
        self._jobs.wake()

    async def run(self) -> None:
        """Run until cancelled; temporary failures are waited out."""
        await run_together(self._sweep(), self._jobs.run())

    async def _sweep(self) -> None:
        """Remove old files again and again. A failure is logged once, and delays no job."""
        outage = Outage("export_files_kept")
        while True:
            try:
                await self._sweeper.sweep(datetime.now(UTC))
                outage.over()
            except (Passing, PlaceError, ExtraMissingError) as error:
                outage.met(error)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _carry_out(self, job: ExportJob) -> None:
        end = await self._end_of_log_with(job)
        postgres = self._postgres.of(job.organization)
        async with postgres.transaction() as connection:
            started = await start_export(connection, job, datetime.now(UTC))
            if started is None:
                return  # another process has ended it after we had read it, and before the lock was ours
        status: Status = "SUCCEEDED"
        rows = message = None
        try:
            if job.asked is None:
                await self._waiter.until_projected()
            else:
                checked_range(*job.asked, end)
            rows = await self._written(job, postgres)
        except (ForeignWatermarkError, TooLargeError) as error:
            status, message = "FAILED", str(error)
        except (PlaceAwayError, PlaceError, ExtraMissingError) as error:
            # The place of files is internal, so its error is only logged; a new request works once the place can be
            # reached.
            status, message = "FAILED", "its file could not be written; the API's log says why"
            log.warning("export_failed", organization=job.organization, job=job.id, error=str(error))
        except INTERRUPTIONS:
            raise
        except Exception:
            status, message = "FAILED", "an error inside Trueup; its log says more"
            log.exception("export_failed", organization=job.organization, job=job.id)
        async with postgres.transaction() as connection:
            await end_export(connection, job, started, status, rows, message, datetime.now(UTC))

    async def _end_of_log_with(self, job: ExportJob) -> Watermark:
        """The end of the log, once it holds all facts of the job. Raises: LogBehindError."""
        until = time.monotonic() + IN_PLACE_SECONDS
        while True:
            async with self._every.connection() as connection:
                end = await end_of_log(connection)
            if job.asked is None or job.asked.until.position <= end.position:
                return end
            if time.monotonic() > until:
                raise LogBehindError
            await asyncio.sleep(NOT_YET_SECONDS)

    async def _written(self, job: ExportJob, postgres: Postgres) -> int:
        """Write the file; returns its number of rows. Calls that wait for a disk or an object store run in a thread."""
        place = await asyncio.to_thread(place_of, self.url)
        draft = place.draft(path_of(job))
        file: RawIOBase = await asyncio.to_thread(draft.__enter__)
        try:
            rows = await _filled(job, postgres, cast("BinaryIO", file))
        except BaseException as error:
            await asyncio.to_thread(_left, draft, error)
            raise
        await asyncio.to_thread(draft.__exit__, None, None, None)
        return rows


async def _filled(job: ExportJob, postgres: Postgres, file: BinaryIO) -> int:
    about = {"organization": job.organization}
    if job.asked is not None:
        about |= {"since": job.asked.since.text, "until": job.asked.until.text}
    with with_extra():
        sheet = open_sheet(job.format, file, _COLUMNS[job.kind], about)
    if job.asked is None:
        return await export_usage(postgres, job.organization, usage_asked(job.request), sheet)
    if job.kind == "journal":
        chart = Chart.model_validate(job.request.get("chart") or {})
        return await export_journal(postgres.connection, job.organization, job.asked, chart, sheet)
    return await export_lines(postgres.connection, job.organization, job.asked, sheet)


def _left(draft: AbstractContextManager[object], error: BaseException) -> None:
    """Close the draft of a file after an error, which the caller raises again."""
    try:
        draft.__exit__(type(error), error, error.__traceback__)
    except BaseException as again:
        if again is not error:
            raise
