"""Tables `store.shared_work` and `store.shared_parts`: a work that several machines do together, what each has taken of
it, and the results.

A statement that fails because Postgres is away, or a connection broke, is tried again, so that hours of folding are not
lost for it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from services.apart.claims import PartLostError
from services.apart.work import FoldFailedError, Form, J, R, Work
from services.failures import ExpectedFailure, Passing, Worded
from services.postgres import Connection, Postgres
from services.postgres.locks import Lock, is_held
from services.sight.pulse import PULSE

LOOK_SECONDS = 1.0
#: For how long a statement is tried, a second apart.
TRY_SECONDS = 60.0
T = TypeVar("T")

_POST = "INSERT INTO store.shared_work (kind, program, work) VALUES ($1, $2, $3) RETURNING id"
_POST_PARTS = """
INSERT INTO store.shared_parts (work, part, records, job)
SELECT $1, part, records, job FROM unnest($2::integer[], $3::bigint[], $4::text[]) AS given (part, records, job)
"""
#: Where $1 is null, of all works.
_FORGET = "DELETE FROM store.shared_work WHERE $1::bigint IS NULL OR id = $1"
#: Sessions that are in a transaction of whoever has parts of the work ($1; null: of any), or of one of them ($2).
#: Somebody who stands still may hold locks there that others wait for.
_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pg_has_role(usesysid, 'USAGE') AND application_name IN (
    SELECT taken_by FROM store.shared_parts
    WHERE ($1::bigint IS NULL OR work = $1) AND ($2::text IS NULL OR taken_by = $2)
)
"""
_END_ALL = "UPDATE store.shared_work SET failure = $1, message = $2 WHERE failure IS NULL"
_OPEN = """
SELECT id, kind, program, work, (SELECT count(*) FROM store.shared_parts WHERE work = shared.id) AS parts
FROM store.shared_work AS shared
WHERE failure IS NULL AND EXISTS (SELECT FROM store.shared_parts WHERE work = shared.id AND taken_by IS NULL)
ORDER BY id DESC LIMIT 1
"""
#: Whether all parts ($3) that somebody ($2) believes to have are still theirs. Whoever has lost one was given up.
_ALL_OWN = """
(SELECT count(*) FROM store.shared_parts WHERE work = $1 AND taken_by = $2 AND part = ANY ($3::integer[]))
    = cardinality($3::integer[])
"""
#: $3: one's own parts. A part that is one's own besides was taken by a statement whose answer was lost.
_TAKE = f"""
UPDATE store.shared_parts SET taken_by = $2 WHERE work = $1 AND part = (
    SELECT part FROM store.shared_parts
    WHERE work = $1 AND result IS NULL AND (taken_by IS NULL OR (taken_by = $2 AND part <> ALL ($3::integer[])))
        AND EXISTS (SELECT FROM store.shared_work WHERE id = $1 AND failure IS NULL) AND {_ALL_OWN}
    ORDER BY records DESC, part LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING part, job, folded
"""
_IS_UNFINISHED = "SELECT EXISTS (SELECT FROM store.shared_parts WHERE work = $1 AND result IS NULL)"
_LEAVE = """
UPDATE store.shared_parts SET result = $4, folded = least($5, records)
WHERE work = $1 AND part = $2 AND taken_by = $3 RETURNING part
"""
_REPORT = """
WITH told AS (
    UPDATE store.shared_parts AS held
    SET folded = greatest(held.folded, least(given.folded, held.records)), beats = held.beats + 1
    FROM unnest($3::integer[], $4::bigint[]) AS given (part, folded)
    WHERE held.work = $1 AND held.taken_by = $2 AND held.part = given.part RETURNING held.part
)
SELECT (SELECT count(*) FROM told) AS told, EXISTS (
    SELECT FROM store.shared_work WHERE id = $1 AND failure IS NULL
) AS goes_on
"""
_FAILURE = "SELECT failure, message FROM store.shared_work WHERE id = $1"
_PARTS = """
SELECT part, taken_by, folded, beats, result IS NOT NULL AS is_done FROM store.shared_parts WHERE work = $1
ORDER BY part
"""
_RESULTS = "SELECT result FROM store.shared_parts WHERE work = $1 ORDER BY part"
#: A part whose claim a transaction still holds is passed over.
_PUT_BACK = """
UPDATE store.shared_parts SET taken_by = NULL WHERE work = $1 AND part IN (
    SELECT part FROM store.shared_parts WHERE work = $1 AND taken_by = $2 AND result IS NULL FOR UPDATE SKIP LOCKED
) RETURNING part
"""
_FAIL = f"""
UPDATE store.shared_work SET failure = $4, message = $5
WHERE id = $1 AND failure IS NULL AND cardinality($3::integer[]) > 0 AND {_ALL_OWN} RETURNING id
"""


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
    """the shared work has ended, has failed on another machine, or nobody leads it any more"""


class OvertakenError(Worded):
    """another replay or audit has begun since"""


async def post(guard: Connection, form: Form[J, R], program: str, work: Work[J, R], jobs: Sequence[J]) -> int:
    """Write down a work, in place of those that killed leaders have left; returns its id. `guard` is the connection
    that holds the lock of the read models, so whoever has lost it removes nothing.
    """
    records = [job.records for job in jobs]
    texts = [form.job.dump_json(job).decode() for job in jobs]
    await forget(guard)
    async with guard.transaction():
        id = int(await guard.fetchval(_POST, form.kind, program, form.work.dump_json(work).decode()))
        await guard.execute(_POST_PARTS, id, range(len(jobs)), records, texts)
    return id


async def posted(postgres: Postgres) -> Posted | None:
    """The work that has parts nobody has taken, if there is one and somebody leads it."""
    async with postgres.connection() as connection:
        row = await connection.fetchrow(_OPEN)
        return Posted(*row) if row is not None and await is_held(connection, Lock.READ_MODELS) else None


async def forget(connection: Connection, id: int | None = None) -> None:
    """Remove a work, or all. Nobody writes for it any more when this returns."""
    await connection.execute(_END_SESSIONS, id, None)
    await connection.execute(_FORGET, id)


async def end_others(connection: Any) -> None:
    """End all works that a killed leader has left: whoever calls this has the lock of the read models now."""
    await connection.execute(_END_ALL, FoldFailedError.__name__, str(OvertakenError()))


@dataclass(frozen=True, slots=True)
class Board(Generic[J, R]):
    """A posted work as one machine sees it. `me`: the name under which it takes parts, if it does."""

    postgres: Postgres
    form: Form[J, R]
    id: int
    me: str = ""

    async def take(self, own: Sequence[int]) -> tuple[int, J, int] | None:
        """Take the largest part that nobody has; `own` are those that one has. Returns its number, the job, and the
        records of it that were folded before.
        """
        row = await self._ask(lambda connection: connection.fetchrow(_TAKE, self.id, self.me, own))
        return None if row is None else (row["part"], self.form.job.validate_json(row["job"]), row["folded"])

    async def is_unfinished(self) -> bool:
        """Whether a part has no result yet."""
        return bool(await self._ask(lambda connection: connection.fetchval(_IS_UNFINISHED, self.id)))

    async def leave(self, part: int, result: R, folded: int) -> None:
        """Keep the result of one's own part. Raises: PartLostError."""
        text = self.form.result.dump_json(result).decode()
        given = (self.id, part, self.me, text, folded)
        if await self._ask(lambda connection: connection.fetchval(_LEAVE, *given)) is None:
            raise PartLostError

    async def report(self, folded: Mapping[int, int]) -> None:
        """Say how far one's own parts are. Raises: WorkGoneError; PartLostError if one of them is another's."""
        given = (self.id, self.me, [*folded], [*folded.values()])
        row = await self._ask(lambda connection: connection.fetchrow(_REPORT, *given))
        if not row["goes_on"]:
            raise WorkGoneError
        if row["told"] < len(folded):
            raise PartLostError

    async def check_led(self) -> None:
        """Raises: WorkGoneError if nobody leads any more."""
        if not await self._ask(lambda connection: is_held(connection, Lock.READ_MODELS)):
            raise WorkGoneError

    async def failure(self) -> tuple[str | None, str]:
        """The kind and the message of a machine's failure, if there was one. Raises: WorkGoneError."""
        row = await self._ask(lambda connection: connection.fetchrow(_FAILURE, self.id))
        if row is None:
            raise WorkGoneError
        return row["failure"], row["message"]

    async def parts(self) -> list[Part]:
        """How far all parts are, in their order."""
        return [Part(*row) for row in await self._ask(lambda connection: connection.fetch(_PARTS, self.id))]

    async def results(self) -> list[R]:
        """The results of all parts, in their order; all must have one."""
        rows = await self._ask(lambda connection: connection.fetch(_RESULTS, self.id))
        return [self.form.result.validate_json(row["result"]) for row in rows]

    async def put_back(self, who: str) -> list[int]:
        """Let others take what this one has not finished, and for which it writes nothing more; returns these parts. A
        session that is just ended may still hold one, and one that this user may not end: then call it again.
        """

        async def end_and_put_back(connection: Connection) -> list[Any]:
            await connection.execute(_END_SESSIONS, self.id, who)
            return await connection.fetch(_PUT_BACK, self.id, who)

        return [row["part"] for row in await self._ask(end_and_put_back)]

    async def fail(self, own: Sequence[int], failure: str, message: str) -> bool:
        """End the whole work, unless one has no part or has lost one of one's own: whoever was given up fails alone.
        Returns whether it ended.
        """
        given = (self.id, self.me, own, failure, message)
        return await self._ask(lambda connection: connection.fetchval(_FAIL, *given)) is not None

    async def _ask(self, statements: Callable[[Connection], Awaitable[T]]) -> T:
        over = time.monotonic() + TRY_SECONDS
        while True:
            try:
                async with self.postgres.connection() as connection:
                    return await statements(connection)
            except Passing as error:
                PULSE.waits(str(error))
                if time.monotonic() > over:
                    raise
                await asyncio.sleep(LOOK_SECONDS)
