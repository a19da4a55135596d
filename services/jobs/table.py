"""Tables of jobs: what was asked for, and how far it is. Which jobs there are is asked of all of them alike."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from services.failures import Worded
from services.postgres.locks import Lock

#: Jobs of one organization in one table that may be unfinished at once.
OPEN_MAX = 10


class TooManyJobsError(Worded):
    """{limit} {what} of this organization are not finished yet; wait for one to end"""


@dataclass(frozen=True, slots=True)
class Job:
    """A row of a table of jobs; its class's fields are the columns. `sequence`: the order in which they were made."""

    organization: str
    id: str
    sequence: int
    version: int
    status: str
    request: dict[str, Any]
    created: datetime
    modified: datetime
    #: Who asked for it.
    created_by: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """As Postgres gives it."""
        return cls(**{**row, "request": json.loads(row["request"])})


J = TypeVar("J", bound=Job)


class JobTable(Generic[J]):
    """One of jobs of this class. `what`: how messages call them; `open`: what the status of an unfinished one may be,
    just as the index of those has it; `lock`: whoever carries one out has this one, whose second key is its sequence.
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
        """Jobs that are not finished, of all organizations, each one's together: what a killed process left goes on.
        Oldest first.
        """
        return [self._job_of(row) for row in await connection.fetch(self._open)]

    async def count_open(self, connection: Any) -> int:
        """How many jobs are not finished."""
        return int(await connection.fetchval(self._count_open))

    async def check_room(self, connection: Any, organization: str) -> None:
        """Raises: TooManyJobsError if OPEN_MAX of the organization's jobs are not finished."""
        if await connection.fetchval(f"{self._count_open} AND organization = $1", organization) >= OPEN_MAX:
            raise TooManyJobsError(limit=OPEN_MAX, what=self._what)
