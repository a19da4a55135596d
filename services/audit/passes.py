"""Table `store.passes`: the result and time of the last audit and of the last check of the laws of conservation.

Pages that show a result read one row; the check itself runs once for all callers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from services.audit.conservation import sum_of_residues
from services.postgres import Postgres
from services.readside.live import reading_live

Kind = Literal["audit", "conservation"]
#: The age at which the check of conservation is repeated: it reads all balances and draws.
EACH_SECONDS = 300.0
_READ = """
SELECT kind, ended, holds, unexplained, positions::text FROM store.passes WHERE ended IS NOT NULL ORDER BY kind
"""
#: Of several processes that would start it, one does. An interrupted check starts again after the same time.
_BEGIN = """
INSERT INTO store.passes AS held (kind, begun) VALUES ($1, now())
ON CONFLICT (kind) DO UPDATE SET begun = excluded.begun WHERE held.begun <= now() - make_interval(secs => $2)
RETURNING kind
"""
_END = """
INSERT INTO store.passes (kind, begun, ended, holds, unexplained, positions)
VALUES ($1, now(), now(), $2, $3, $4::jsonb)
ON CONFLICT (kind) DO UPDATE SET ended = excluded.ended, holds = excluded.holds, unexplained = excluded.unexplained,
    positions = excluded.positions
"""


@dataclass(frozen=True, slots=True)
class Pass:
    """A finished check: whether it found nothing, and the unexplained money.

    `positions`: of an audit, the next offset of each partition of `billing.events` up to which it is valid.
    """

    kind: Kind
    holds: bool
    unexplained: Decimal
    ended: datetime
    positions: Mapping[int, int] = field(default_factory=dict)


async def read_passes(connection: Any) -> list[Pass]:
    """The last check of each kind, if there was one."""
    return [
        Pass(row["kind"], row["holds"], row["unexplained"], row["ended"], _positions(row["positions"]))
        for row in await connection.fetch(_READ)
    ]


def _positions(text: str | None) -> dict[int, int]:
    return {int(partition): offset for partition, offset in json.loads(text or "{}").items()}


async def note_pass(
    connection: Any, kind: Kind, *, holds: bool, unexplained: Decimal, positions: Mapping[int, int] | None = None
) -> None:
    """Store a check that has just ended."""
    await connection.execute(_END, kind, holds, unexplained, json.dumps(positions or {}))


async def pass_over_conservation(postgres: Postgres, seconds: float = EACH_SECONDS) -> bool:
    """Sum up the unexplained money, unless a process did so within this many seconds. Returns whether it was done."""
    async with postgres.connection() as connection:
        if await connection.fetchval(_BEGIN, "conservation", seconds) is None:
            return False
    async with reading_live(postgres) as connection:
        unexplained = await sum_of_residues(connection)
    async with postgres.connection() as connection:
        await note_pass(connection, "conservation", holds=not unexplained, unexplained=unexplained)
    return True
