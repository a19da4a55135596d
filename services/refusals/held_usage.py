"""SQL for the held rows of `store.refused_usage`.

A held record is a refused one with a time until which it is held. It waits for one missing resource: the account or the
meter in its reason. Missing codes are few compared with the records that wait for them, so queries walk from one code
to the next along the index, however many records wait for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.refusals.refusal import Reason
from services.refusals.refused_usage import HELD
from services.refusals.rejected_record import Row
from services.store.conditions import has_code

#: Rows that one transaction releases.
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
#: `hold-expired` keeps the former rule's text, and adds since when the record was held. It counts as refused now, and
#: was not before.
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
    """The cause of a hold: the reason of ingest's refusal, the column with the missing code, and the kind of the
    resource.
    """

    reason: Reason
    column: str
    kind: str

    @property
    def _waiting(self) -> str:
        return f"organization = $1 AND {HELD} AND reason = '{self.reason}'"

    @property
    def codes_sql(self) -> str:
        """Each missing code, once."""
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
        """For each code of $2, its earliest refused rows, at most $3."""
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
    """The organizations with held usage."""
    return [row["organization"] for row in await connection.fetch(_ORGANIZATIONS)]


async def count(connection: Any) -> int:
    """The number of held records of all organizations."""
    return int(await connection.fetchval(_COUNT))


async def expire(connection: Any, organization: str, now: datetime) -> int:
    """Release records whose hold is over, at most AT_ONCE; returns their number."""
    return int((await connection.execute(_EXPIRE, organization, now)).removeprefix("UPDATE "))


async def let_go(connection: Any, organization: str, ids: Sequence[str]) -> None:
    """End the hold of these records; they are refused for their original reason."""
    await connection.execute(_LET_GO, organization, list(ids))


async def codes_waited_for(connection: Any, organization: str, cause: Cause) -> list[str]:
    """The missing codes, as of the last look."""
    return [row["code"] for row in await connection.fetch(cause.codes_sql, organization)]


async def there(connection: Any, organization: str, cause: Cause, codes: Sequence[str]) -> Mapping[str, str]:
    """The ids of resources that exist by now, by code."""
    rows = await connection.fetch(_THERE, organization, cause.kind, list(codes))
    return {row["code"]: row["id"] for row in rows}


async def waiting_for(connection: Any, organization: str, cause: Cause, codes: Sequence[str], each: int) -> list[Row]:
    """For each of these codes its waiting rows, at most `each`, earliest refused first."""
    rows = await connection.fetch(cause.rows_sql, organization, list(codes), each)
    return [Row(*(row[name] for name in Row._fields)) for row in rows]
