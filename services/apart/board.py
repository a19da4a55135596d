"""Tables `store.shared_work` and `store.shared_parts`: a work that several machines do together, what each has taken of
it, and the results.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

from pydantic import TypeAdapter

from services.apart.work import J, R, Work
from services.failures import ExpectedFailure, Worded
from services.postgres import Postgres

#: Only one leads at a time, so all others are of leaders that were killed or have lost their lock.
_FORGET_ALL = "DELETE FROM store.shared_work"
_FORGET = "DELETE FROM store.shared_work WHERE id = $1"
_POST = "INSERT INTO store.shared_work (kind, program, work) VALUES ($1, $2, $3) RETURNING id"
_POST_PARTS = """
INSERT INTO store.shared_parts (work, part, records, job)
SELECT $1, part, records, job FROM unnest($2::integer[], $3::bigint[], $4::text[]) AS given (part, records, job)
"""
_OPEN = """
SELECT id, kind, program, work, (SELECT count(*) FROM store.shared_parts WHERE work = shared.id) AS parts
FROM store.shared_work AS shared
WHERE failure IS NULL AND EXISTS (SELECT FROM store.shared_parts WHERE work = shared.id AND taken_by IS NULL)
ORDER BY id DESC LIMIT 1
"""
_TAKE = """
UPDATE store.shared_parts SET taken_by = $2 WHERE work = $1 AND part = (
    SELECT part FROM store.shared_parts WHERE work = $1 AND taken_by IS NULL
        AND EXISTS (SELECT FROM store.shared_work WHERE id = $1 AND failure IS NULL)
    ORDER BY records DESC, part LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING part, job, folded
"""
_WAITING = "SELECT EXISTS (SELECT FROM store.shared_parts WHERE work = $1 AND taken_by IS NULL)"
_LEAVE = "UPDATE store.shared_parts SET result = $4, folded = $5 WHERE work = $1 AND part = $2 AND taken_by = $3"
_REPORT = """
WITH told AS (
    UPDATE store.shared_parts AS held SET folded = given.folded, beats = held.beats + 1
    FROM unnest($3::integer[], $4::bigint[]) AS given (part, folded)
    WHERE held.work = $1 AND held.taken_by = $2 AND held.part = given.part AND held.result IS NULL
)
SELECT beats FROM store.shared_work WHERE id = $1 AND failure IS NULL
"""
_LEAD = "UPDATE store.shared_work SET beats = beats + 1 WHERE id = $1 RETURNING failure, message"
_PARTS = """
SELECT part, taken_by, folded, beats, result IS NOT NULL AS is_done FROM store.shared_parts WHERE work = $1
ORDER BY part
"""
_RESULTS = "SELECT result FROM store.shared_parts WHERE work = $1 ORDER BY part"
_PUT_BACK = """
UPDATE store.shared_parts SET taken_by = NULL WHERE work = $1 AND taken_by = $2 AND result IS NULL RETURNING part
"""
#: A machine whose parts are another's by now fails alone.
_FAIL = """
UPDATE store.shared_work SET failure = $3, message = $4 WHERE id = $1 AND failure IS NULL AND EXISTS (
    SELECT FROM store.shared_parts WHERE work = $1 AND taken_by = $2 AND result IS NULL
)
"""


@dataclass(frozen=True, slots=True)
class Form(Generic[J, R]):
    """How works of one kind are written down for other machines.

    `goes_on`: whether somebody else can go on with a job where a machine that was lost has stopped. Otherwise the whole
    work fails.
    """

    kind: str
    work: TypeAdapter[Work[J, R]]
    job: TypeAdapter[J]
    result: TypeAdapter[R]
    goes_on: bool


class Posted(NamedTuple):
    """A work that has parts nobody has taken. `work`: as its kind's form writes it."""

    id: int
    kind: str
    program: str
    work: str
    parts: int


class Part(NamedTuple):
    """How far a part is: who has it, if anybody, the number of folded records, and of signs of life."""

    part: int
    taken_by: str | None
    folded: int
    beats: int
    is_done: bool


class WorkGoneError(Worded, ExpectedFailure):
    """the shared work has ended, has failed on another machine, or another one has begun in its place"""


async def post(postgres: Postgres, form: Form[J, R], program: str, work: Work[J, R], jobs: Sequence[J]) -> int:
    """Write down a work, in place of one that a killed leader has left; returns its id."""
    records = [job.records for job in jobs]
    texts = [form.job.dump_json(job).decode() for job in jobs]
    async with postgres.transaction() as connection:
        await connection.execute(_FORGET_ALL)
        id = int(await connection.fetchval(_POST, form.kind, program, form.work.dump_json(work).decode()))
        await connection.execute(_POST_PARTS, id, range(len(jobs)), records, texts)
    return id


async def posted(postgres: Postgres) -> Posted | None:
    """The work that has parts nobody has taken, if there is one."""
    row = await _row(postgres, _OPEN)
    return None if row is None else Posted(*row)


async def forget(postgres: Postgres, id: int) -> None:
    """Remove a work, which nobody is to assist any more."""
    async with postgres.connection() as connection:
        await connection.execute(_FORGET, id)


@dataclass(frozen=True, slots=True)
class Board(Generic[J, R]):
    """A posted work as one machine sees it. `me`: the name under which it takes parts."""

    postgres: Postgres
    form: Form[J, R]
    id: int
    me: str

    async def take(self) -> tuple[int, J, int] | None:
        """Take the largest part that nobody has: its number, the job, and how much of it was folded before."""
        row = await _row(self.postgres, _TAKE, self.id, self.me)
        return None if row is None else (row["part"], self.form.job.validate_json(row["job"]), row["folded"])

    async def has_waiting(self) -> bool:
        """Whether a part is nobody's."""
        return bool(await self._value(_WAITING, self.id))

    async def leave(self, part: int, result: R, folded: int) -> None:
        """Keep the result of one's own part."""
        async with self.postgres.connection() as connection:
            text = self.form.result.dump_json(result).decode()
            await connection.execute(_LEAVE, self.id, part, self.me, text, folded)

    async def report(self, folded: dict[int, int]) -> int:
        """Say how far one's own parts are; returns the number of the leader's signs of life. Raises: WorkGoneError."""
        beats: int | None = await self._value(_REPORT, self.id, self.me, [*folded], [*folded.values()])
        if beats is None:
            raise WorkGoneError
        return beats

    async def lead(self) -> tuple[str | None, str]:
        """Give a sign of life as the leader; returns the kind and the message of a failure, if there was one.

        Raises: WorkGoneError if another has begun to lead.
        """
        row = await _row(self.postgres, _LEAD, self.id)
        if row is None:
            raise WorkGoneError
        return row["failure"], row["message"]

    async def parts(self) -> list[Part]:
        """How far all parts are, in their order."""
        async with self.postgres.connection() as connection:
            return [Part(*row) for row in await connection.fetch(_PARTS, self.id)]

    async def results(self) -> list[R]:
        """The results of all parts, in their order; all must have one."""
        async with self.postgres.connection() as connection:
            return [self.form.result.validate_json(row["result"]) for row in await connection.fetch(_RESULTS, self.id)]

    async def put_back(self, who: str) -> list[int]:
        """Let others take what this one has not finished; returns these parts."""
        async with self.postgres.connection() as connection:
            return [row["part"] for row in await connection.fetch(_PUT_BACK, self.id, who)]

    async def fail(self, failure: str, message: str) -> None:
        """End the whole work, unless none of one's own parts is open any more."""
        async with self.postgres.connection() as connection:
            await connection.execute(_FAIL, self.id, self.me, failure, message)

    async def _value(self, statement: str, *arguments: object) -> Any:
        async with self.postgres.connection() as connection:
            return await connection.fetchval(statement, *arguments)


async def _row(postgres: Postgres, statement: str, *arguments: object) -> Any:
    async with postgres.connection() as connection:
        return await connection.fetchrow(statement, *arguments)
