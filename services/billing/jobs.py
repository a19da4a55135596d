"""Table `store.bill_jobs`: the jobs of the bill run, and their progress."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

from events.absent import only_given
from events.actors import BILLING
from projections.too_large import TooLargeError
from services.commands.refused import CommandError
from services.failures import ExpectedFailure
from services.jobs.table import Job, JobTable
from services.postgres.locks import Lock

#: Statuses of a job: unfinished, and finished.
OPEN_STATUSES = ("PENDING", "INITIALIZING", "RUNNING")
STATUSES = (*OPEN_STATUSES, "COMPLETE", "CANCELLED")


@dataclass(frozen=True, slots=True)
class Failure:
    """An account or bill that a job failed on; if neither is named, the whole job failed."""

    error: Exception
    account_id: str | None = None
    bill_id: str | None = None

    def document(self) -> dict[str, Any]:
        """The stored and shown form; the text of a bug goes only to the log."""
        expected = isinstance(self.error, ExpectedFailure | CommandError | TooLargeError)
        message = str(self.error) if expected else "an error inside Trueup; its log says more"
        named = {"accountId": self.account_id, "billId": self.bill_id}
        return only_given(named) | {"message": message}


@dataclass(frozen=True, slots=True)
class BillJob(Job):
    """A bill job: `settled` of `total` root accounts are done."""

    through: date
    total: int
    settled: int
    bill_ids: tuple[str, ...]
    #: The failures: `accountId` or `billId`, and `message`. A job that is resumed forgets them.
    failures: tuple[dict[str, Any], ...]
    #: Who changed it last: the actor who asked for it or cancelled it, or the bill run.
    modified_by: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """The job in a row of Postgres."""
        parsed = {"request": json.loads(row["request"]), "failures": tuple(json.loads(row["failures"]))}
        return cls(**{**row, "bill_ids": tuple(row["bill_ids"])} | parsed)

    @property
    def recalculates(self) -> tuple[str, ...]:
        """The pending bills of a job of type RECALCULATE; empty for a job that bills."""
        return tuple(self.request.get("billIds") or ())


BILL_JOBS = JobTable("store.bill_jobs", "bill jobs", BillJob, OPEN_STATUSES, Lock.BILL_JOB)
_INSERT = f"""
INSERT INTO store.bill_jobs (organization, id, request, through, created, modified, created_by, modified_by)
VALUES ($1, $2, $3::json, $4, $5, $5, $6, $6) RETURNING {BILL_JOBS.columns}
"""
_MOVE = f"""
UPDATE store.bill_jobs SET status = $3, total = $4, settled = $5, bill_ids = bill_ids || $6::text[],
    failures = CASE WHEN $3 = 'INITIALIZING' THEN '[]' ELSE failures || $7::jsonb END, modified = $8,
    modified_by = '{BILLING}', version = version + 1
WHERE organization = $1 AND id = $2 AND {BILL_JOBS.is_open} RETURNING status
"""
_NOTE = f"""
UPDATE store.bill_jobs SET settled = greatest(settled, $3), bill_ids = bill_ids || $4::text[],
    failures = failures || $5::jsonb, modified = $6, modified_by = '{BILLING}'
WHERE organization = $1 AND id = $2
"""
_CANCEL = f"""
UPDATE store.bill_jobs SET status = 'CANCELLED', modified = $3, modified_by = $4, version = version + 1
WHERE organization = $1 AND id = $2 AND {BILL_JOBS.is_open} RETURNING {BILL_JOBS.columns}
"""


async def create_job(
    connection: Any,
    organization: str,
    id: str,
    request: dict[str, Any],
    through: date,
    now: datetime,
    actor: str | None = None,
) -> BillJob:
    """Store a job that the actor asked for; it runs once the transaction is committed."""
    return BillJob.of(await connection.fetchrow(_INSERT, organization, id, json.dumps(request), through, now, actor))


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a part of a job: families (or bills to recalculate), their bills, and those that failed."""

    count: int = 0
    bill_ids: Sequence[str] = ()
    failures: Sequence[Failure] = ()


async def move_job(
    connection: Any, job: BillJob, status: str, total: int, settled: int, done: Done, now: datetime
) -> bool:
    """Note progress. False: the job was cancelled meanwhile and must end here."""
    noted = list(done.bill_ids), _failures(done)
    moved = await connection.fetchval(_MOVE, job.organization, job.id, status, total, settled, *noted, now)
    return moved is not None


async def note_done(connection: Any, job: BillJob, settled: int, done: Done, now: datetime) -> None:
    """Note the results of a job from while it was being cancelled."""
    if done.bill_ids or done.failures:
        noted = list(done.bill_ids), _failures(done)
        await connection.execute(_NOTE, job.organization, job.id, settled, *noted, now)


def _failures(done: Done) -> str:
    return json.dumps([failure.document() for failure in done.failures])


async def cancel_job(
    connection: Any, organization: str, id: str, now: datetime, actor: str | None = None
) -> BillJob | None:
    """Cancel an unfinished job; None if there is no such job. Bills it has issued stay."""
    row = await connection.fetchrow(_CANCEL, organization, id, now, actor)
    return None if row is None else BillJob.of(row)
