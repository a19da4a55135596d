"""Table `store.export_jobs`: requested exports, and their progress."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.exports.watermark import Range, Watermark
from services.exports.writing import Format
from services.failures import AddressedFailure, Passing, Worded
from services.jobs.table import Job, JobTable
from services.postgres.locks import Lock

#: The content of a job's file: usage by day, bill lines, or a journal of them. The file's name contains it.
Kind = Literal["usage", "bill-lines", "journal"]
Status = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED"]
STATUSES: tuple[Status, ...] = ("PENDING", "RUNNING", "SUCCEEDED", "FAILED")


class ExportNotReadyError(Worded):
    """export job {id} has no file: it is {status}"""


class ExportRemovedError(Worded):
    """the file of export job {id} was kept until {day}; a job that asks for the same has the same bill lines"""


class ExportsAwayError(AddressedFailure, Passing):
    """{cause}"""

    outside = "the files of exports cannot be reached now"


@dataclass(frozen=True, slots=True)
class ExportJob(Job):
    """A requested file, as a row of the table."""

    #: Watermarks, as texts; None for an export of usage, which has no watermarks.
    since: str | None
    until: str | None
    #: The number of rows in the file; None before it is written.
    rows: int | None
    #: Why there is no file and will be none.
    message: str | None
    started: datetime | None
    #: When its file was removed, after having been kept long enough.
    removed: datetime | None

    @property
    def asked(self) -> Range | None:
        """The range of an export of lines or of a journal; None for usage."""
        if self.since is None or self.until is None:
            return None
        return Range(Watermark.read(self.since), Watermark.read(self.until))

    @property
    def kind(self) -> Kind:
        """The content of its file."""
        if self.request["sourceType"] == "USAGE":
            return "usage"
        return "journal" if "JOURNAL" in self.request["operationalDataTypes"] else "bill-lines"

    @property
    def format(self) -> Format:
        """The format of the file."""
        return "parquet" if self.request.get("exportFileFormat") == "PARQUET" else "csv"


EXPORT_JOBS = JobTable("store.export_jobs", "exports", ExportJob, ("PENDING", "RUNNING"), Lock.EXPORT_JOB)
_INSERT = f"""
INSERT INTO store.export_jobs (organization, id, request, since, until, created, modified, created_by)
VALUES ($1, $2, $3::json, $4, $5, $6, $6, $7) RETURNING {EXPORT_JOBS.columns}
"""
_START = f"""
UPDATE store.export_jobs SET status = 'RUNNING', started = $3, modified = $3, version = version + 1
WHERE organization = $1 AND id = $2 AND {EXPORT_JOBS.is_open} RETURNING version
"""
_END_JOB = """
UPDATE store.export_jobs SET status = $3, rows = $4, message = $5, modified = $6, version = version + 1
WHERE organization = $1 AND id = $2 AND status = 'RUNNING' AND version = $7
"""
_OLD = f"""
SELECT {EXPORT_JOBS.columns} FROM store.export_jobs
WHERE status IN ('SUCCEEDED', 'FAILED') AND removed IS NULL AND modified < $1 ORDER BY modified LIMIT $2
"""
_REMOVED = """
UPDATE store.export_jobs SET removed = $3, version = version + 1
WHERE organization = $1 AND id = ANY($2::text[]) AND removed IS NULL
"""


async def create_export(
    connection: Any,
    organization: str,
    id: str,
    request: dict[str, Any],
    asked: Range | None,
    now: datetime,
    actor: str | None,
) -> ExportJob:
    """Create a job; it runs once the transaction is committed. Raises: TooManyJobsError."""
    await EXPORT_JOBS.check_room(connection, organization)
    marks = (None, None) if asked is None else (asked.since.text, asked.until.text)
    return ExportJob.of(await connection.fetchrow(_INSERT, organization, id, json.dumps(request), *marks, now, actor))


async def start_export(connection: Any, job: ExportJob, now: datetime) -> int | None:
    """Mark the job as running; returns its version. None if it has ended since it was read: then there is nothing to
    do.
    """
    started: int | None = await connection.fetchval(_START, job.organization, job.id, now)
    return started


async def end_export(
    connection: Any, job: ExportJob, started: int, status: Status, rows: int | None, message: str | None, now: datetime
) -> None:
    """Mark the job as ended, with its status, and its number of rows or the reason for its failure. `started` is its
    version since `start_export`: another one says that another process has taken it up, while this one was paused.
    """
    await connection.execute(_END_JOB, job.organization, job.id, status, rows, message, now, started)


async def old_exports(connection: Any, before: datetime, limit: int) -> list[ExportJob]:
    """Jobs of all organizations that ended before a moment and whose files are not yet removed; at most `limit`, oldest
    first.
    """
    return [ExportJob.of(row) for row in await connection.fetch(_OLD, before, limit)]


async def note_removed(connection: Any, organization: str, ids: Sequence[str], now: datetime) -> None:
    """Note that the files of these jobs are removed."""
    await connection.execute(_REMOVED, organization, list(ids), now)
