"""Tables of jobs: what was asked for, and how far it is. Which jobs there are is asked of all of them alike."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from services.failures import Worded

#: Jobs of one organization in one table that may be unfinished at once.
OPEN_MAX = 10


class TooManyJobsError(Worded):
    """{limit} {what} of this organization are not finished yet; wait for one to end"""


class Job(Protocol):
    """What is known of every job. `sequence`: the order in which the table's jobs were made."""

    @property
    def organization(self) -> str: ...

    @property
    def sequence(self) -> int: ...


J = TypeVar("J", bound=Job)


class JobTable(Generic[J]):
    """One with columns `organization`, `id`, `sequence`, `status` and `created` beside its own.

    `columns`: those that a job is made of, by `job_of`; `is_open`: the condition of those that are not finished, which
    has an index; `what`: how messages call its jobs.
    """

    def __init__(self, name: str, columns: str, is_open: str, what: str, job_of: Callable[[Any], J]) -> None:
        self._what, self._job_of = what, job_of
        jobs = f"SELECT {columns} FROM {name} WHERE"
        self._get = f"{jobs} organization = $1 AND id = $2"
        self._newest = f"""
{jobs} organization = $1 AND ($2::bigint IS NULL OR sequence < $2) AND status = ANY($3::text[])
    AND ($4::text[] IS NULL OR id = ANY($4)) AND ($5::timestamptz IS NULL OR created >= $5)
    AND ($6::timestamptz IS NULL OR created < $6)
ORDER BY sequence DESC LIMIT $7
"""
        self._open = f"{jobs} {is_open} ORDER BY min(sequence) OVER (PARTITION BY organization), sequence"
        self._count_open = f"SELECT count(*) FROM {name} WHERE {is_open}"
        self._count_open_of = f"{self._count_open} AND organization = $1"

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
        if await connection.fetchval(self._count_open_of, organization) >= OPEN_MAX:
            raise TooManyJobsError(limit=OPEN_MAX, what=self._what)
