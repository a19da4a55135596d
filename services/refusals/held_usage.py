"""The rows of `store.refused_usage` that are held: their SQL.

A held record is a refused one with a time until which it is held. It waits for one thing: the account, or the meter,
that its reason says is not there. What is waited for is few compared with the records that wait, so it is walked from
one code to the next along the index, however many records name each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.refusals.refusal import Reason
from services.refusals.refused_usage import HELD
from services.refusals.rejected_record import Row
from services.store.conditions import has_code

#: Rows that one transaction lets go.
AT_ONCE = 5_000
_ORGANIZATIONS = f"""
WITH RECURSIVE walked (organization) AS (
    (SELECT organization FROM store.refused_usage WHERE {HELD} ORDER BY organization LIMIT 1)
    UNION ALL
    SELECT (
        SELECT organization FROM store.refused_usage
        WHERE {HELD} AND organization > walked.organization ORDER BY organization LIMIT 1
    ) FROM walked WHERE walked.organization IS NOT NULL
) SELECT organization FROM walked WHERE organization IS NOT NULL
"""
#: `hold-expired` keeps what was said before, and says since when it holds. It is refused now, and was not before.
_EXPIRE = f"""
UPDATE store.refused_usage SET reason = '{Reason.HOLD_EXPIRED}', held_until = NULL, refused = now(),
    rule = rule || '; it was held until ' || to_char(held_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
WHERE organization = $1 AND id IN (
    SELECT id FROM store.refused_usage WHERE organization = $1 AND {HELD} AND held_until <= $2
    ORDER BY held_until LIMIT {AT_ONCE}
) AND {HELD}
"""
_LET_GO = f"UPDATE store.refused_usage SET held_until = NULL WHERE organization = $1 AND id = ANY($2) AND {HELD}"
_THERE = f"""
SELECT e.body->>'code' AS code, e.id FROM store.entities e
WHERE e.organization = $1 AND e.kind = $2 AND {has_code("e", "$2", "$3")}
"""
_COUNT = f"SELECT count(*) FROM store.refused_usage WHERE {HELD}"
_COLUMNS = ", ".join(f"held.{name}" for name in Row._fields)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why usage is held: the reason that ingest refused it for, the column with the code of what it lacks, its kind."""

    reason: Reason
    column: str
    kind: str

    @property
    def _waiting(self) -> str:
        return f"organization = $1 AND {HELD} AND reason = '{self.reason}'"

    @property
    def codes_sql(self) -> str:
        """Each code that is waited for, once."""
        column = self.column
        waiting = f"SELECT {column} AS code FROM store.refused_usage WHERE {self._waiting}"
        return f"""
            WITH RECURSIVE walked (code) AS (
                ({waiting} AND {column} IS NOT NULL ORDER BY {column} LIMIT 1)
                UNION ALL
                SELECT ({waiting} AND {column} > walked.code ORDER BY {column} LIMIT 1)
                FROM walked WHERE walked.code IS NOT NULL
            ) SELECT code FROM walked WHERE code IS NOT NULL
        """

    @property
    def rows_sql(self) -> str:
        """Of each code of $2 the rows that were refused first, $3 at most."""
        return f"""
            SELECT found.* FROM unnest($2::text[]) AS wanted (code) CROSS JOIN LATERAL (
                SELECT {_COLUMNS} FROM store.refused_usage held WHERE {self._waiting} AND {self.column} = wanted.code
                ORDER BY refused, position LIMIT $3
            ) AS found
        """


OF_ACCOUNT = Cause(Reason.UNKNOWN_ACCOUNT, "account", "account")
OF_METER = Cause(Reason.UNKNOWN_METER, "meter", "meter")
CAUSES = (OF_ACCOUNT, OF_METER)


async def organizations(connection: Any) -> list[str]:
    """Whose usage is held."""
    return [row["organization"] for row in await connection.fetch(_ORGANIZATIONS)]


async def count(connection: Any) -> int:
    """How many records are held, of all organizations."""
    return int(await connection.fetchval(_COUNT))


async def expire(connection: Any, organization: str, now: datetime) -> int:
    """Let go what was held for as long as it may be, AT_ONCE at most; returns how many that were."""
    return int((await connection.execute(_EXPIRE, organization, now)).removeprefix("UPDATE "))


async def let_go(connection: Any, organization: str, ids: Sequence[str]) -> None:
    """These are held no more, and are refused for the reason that they have."""
    await connection.execute(_LET_GO, organization, list(ids))


async def codes_waited_for(connection: Any, organization: str, cause: Cause) -> list[str]:
    """The codes of what is not there, or was not when it was asked for."""
    return [row["code"] for row in await connection.fetch(cause.codes_sql, organization)]


async def there(connection: Any, organization: str, cause: Cause, codes: Sequence[str]) -> Mapping[str, str]:
    """The ids of what is there by now, by code."""
    rows = await connection.fetch(_THERE, organization, cause.kind, list(codes))
    return {row["code"]: row["id"] for row in rows}


async def waiting_for(connection: Any, organization: str, cause: Cause, codes: Sequence[str], each: int) -> list[Row]:
    """Of each of these codes the rows that wait for it, `each` at most, those first that were refused first."""
    rows = await connection.fetch(cause.rows_sql, organization, list(codes), each)
    return [Row(*(row[name] for name in Row._fields)) for row in rows]
