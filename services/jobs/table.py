"""Tables of jobs: their requests and progress, with the same queries for all kinds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from services.failures import Worded
from services.postgres.locks import Lock

#: Most unfinished jobs of one organization in one table.
OPEN_MAX = 10


class TooManyJobsError(Worded):
    """{limit} {what} of this organization are not finished yet; wait for one to end"""


@dataclass(frozen=True, slots=True)
class Job:
    """A row of a table of jobs; its class's fields are the columns. `sequence`: the order of creation."""

    organization: str
    id: str
    sequence: int
    version: int
    status: str
    request: dict[str, Any]
    created: datetime
    modified: datetime
    #: The actor of the request.
    created_by: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """The job in a row of Postgres."""
        return cls(**{**row, "request": json.loads(row["request"])})


J = TypeVar("J", bound=Job)


class JobTable(Generic[J]):
    """The table for jobs of this class. `what`: their name in messages; `open`: the statuses of unfinished ones, as in
    their index; `lock`: the lock of a running job, with the job's sequence as second key.
    """

    def __init__(self, name: str, what: str, kind: type[J], open: Sequence[str], lock: Lock) -> None:
        self._what, self._job_of, self.lock = what, kind.of, lock
        self.columns, self.is_open = ", ".join(field.name for field in fields(kind)), f"status IN {tuple(open)}"
        jobs = f"SELECT {self.columns} FROM {name} WHERE"
        self._get = f"{jobs} organization = $1 AND id = $2"
        self._newest = f"""
{jobs} organization = $1 AND ($2::bigint IS NULL OR sequence < $2) AND status = ANY($3::text[])
    AND ($4::text[] IS NULL OR id = ANY($4)) AND ($5::timestamptz IS NULL OR created >= $5)
    AND ($6::timestamptz IS NULL OR created < $6)
ORDER BY sequence DESC LIMIT $7
"""
        self._open = f"{jobs} {self.is_open} ORDER BY min(sequence) OVER (PARTITION BY organization), sequence"
        self._count_open = f"SELECT count(*) FROM {name} WHERE {self.is_open}"

    async def get(self, connection: Any, organization: str, id: str) -> J | None:
        """The job, if it exists."""
        row = await connection.fetchrow(self._get, organization, id)
        return None if row is None else self._job_of(row)

    async def newest(
        self,
        connection: Any,
        organization: str,
        before: int | None,
        statuses: Sequence[str],
        limit: int,
        ids: Sequence[str] | None = None,
        created: tuple[datetime | None, datetime | None] = (None, None),
    ) -> list[J]:
        """Newest first: those of these statuses and ids, created in `[start, end)`, before sequence `before`."""
        rows = await connection.fetch(self._newest, organization, before, statuses, ids, *created, limit)
        return [self._job_of(row) for row in rows]

    async def open(self, connection: Any) -> list[J]:
        """Unfinished jobs of all organizations, grouped by organization, oldest first; they include those of a killed
        process.
        """
        return [self._job_of(row) for row in await connection.fetch(self._open)]

    async def count_open(self, connection: Any) -> int:
        """The number of unfinished jobs."""
        return int(await connection.fetchval(self._count_open))

    async def check_room(self, connection: Any, organization: str) -> None:
        """Check the limit. Raises: TooManyJobsError if OPEN_MAX of the organization's jobs are not finished."""
        if await connection.fetchval(f"{self._count_open} AND organization = $1", organization) >= OPEN_MAX:
            raise TooManyJobsError(limit=OPEN_MAX, what=self._what)
