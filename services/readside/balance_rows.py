"""How commitments and balances stand, as table `commitment_balances` has it."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.readside.live import LIVE_NAME, LastLive, read_live
from services.store.view import COLUMNS, ONE_OF_KIND

_ROWS = """
SELECT commitment_id, kind, amount, spent, remaining, rolled_over, lapsed, status, periods::text AS periods, folded
FROM "{schema}".commitment_balances WHERE organization = $1 AND commitment_id = ANY($2)
"""
_MEMBERS = ("kind", "amount", "spent", "remaining", "rolled_over", "lapsed", "status", "periods::text", "folded")
#: A commitment or balance with how it stands, if that is projected, in one look.
_WITH_ITS_ROW = f"""
SELECT {COLUMNS}, {LIVE_NAME} AS live, {", ".join(f"b.{name} AS b_{name.partition(':')[0]}" for name in _MEMBERS)}
FROM store.entities e
LEFT JOIN "{{schema}}".commitment_balances b ON b.organization = e.organization AND b.commitment_id = e.id
WHERE {ONE_OF_KIND}
"""


async def read_balances(connection: Any, organization: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Their rows in the live schema, by id; what is not projected yet has none."""
    live = await read_live(connection)
    with live.reading():
        rows = await connection.fetch(_ROWS.format(schema=live.schema), organization, ids)
    return {row["commitment_id"]: row for row in rows}


async def read_with_balance(
    connection: Any, live: LastLive, organization: str, kind: str, id: str
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None] | None:
    """The row of a commitment or balance, and that of how it stands, if it is projected; None if there is none."""
    for row in await live.fetch(connection, _WITH_ITS_ROW, organization, kind, id):
        standing = {name.removeprefix("b_"): value for name, value in row.items() if name.startswith("b_")}
        return row, standing if standing["kind"] is not None else None
    return None
