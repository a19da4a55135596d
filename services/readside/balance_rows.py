"""How commitments and balances stand, as table `commitment_balances` has it."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.readside.live import read_live

_ROWS = """
SELECT commitment_id, kind, amount, spent, remaining, rolled_over, lapsed, status, periods::text AS periods, folded
FROM "{schema}".commitment_balances WHERE organization = $1 AND commitment_id = ANY($2)
"""


async def read_balances(connection: Any, organization: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Their rows in the live schema, by id; what is not projected yet has none."""
    live = await read_live(connection)
    with live.reading():
        rows = await connection.fetch(_ROWS.format(schema=live.schema), organization, ids)
    return {row["commitment_id"]: row for row in rows}
