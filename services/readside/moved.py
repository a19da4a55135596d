"""A mark of a family's progress: a text that changes exactly when anything shown of the family changes.

Reading it costs a look at indexes, and settles nothing, so pages may ask for it again and again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events.topics import EVENTS
from projections.readmodels.facts import CATALOG_PARTITION
from services.postgres import Postgres
from services.readside.live import reading_live

#: $1 organization, $2 id of an account, commitment, balance or bill: ids are unique over all kinds. Pending settlement
#: counts, too; rows outside of answers (draws, accrued lines, outlooks) do not.
_MOVED = f"""
WITH found AS (
    SELECT root_id FROM account_directory WHERE organization = $1 AND account_id = $2
    UNION ALL SELECT root_id FROM commitment_balances WHERE organization = $1 AND commitment_id = $2
    UNION ALL SELECT root_id FROM bills WHERE organization = $1 AND bill_id = $2
    LIMIT 1
)
SELECT root.account_id AS root_id, root.partition,
    (SELECT max(log_offset) FROM facts WHERE organization = $1 AND facts.root_id = root.account_id) AS facts,
    (SELECT max(last_offset) FROM account_directory AS member JOIN usage_totals USING (account_id)
     WHERE member.organization = $1 AND member.root_id = root.account_id) AS usage,
    (SELECT max(log_offset) FROM facts WHERE organization = $1 AND facts.root_id IS NULL
     AND facts.partition = {CATALOG_PARTITION} AND log_offset < reached.catalog_offset) AS catalog,
    (SELECT max(log_offset) FROM facts WHERE organization = $1 AND facts.root_id IS NULL
     AND facts.partition = root.partition) AS clock,
    (reached.tick AT TIME ZONE root.timezone)::date AS today,
    (SELECT reason FROM due_accounts WHERE due_accounts.root_id = root.account_id
     AND reason NOT IN ('lines', 'outlooks')) AS due
FROM account_directory AS root
JOIN positions AS reached ON reached.topic = '{EVENTS}' AND reached.partition = root.partition
WHERE root.organization = $1 AND root.account_id = (SELECT root_id FROM found)
"""
_PARTS = ("facts", "usage", "catalog", "clock", "today", "due")


@dataclass(frozen=True, slots=True)
class FamilyMark:
    """`mark` changes once anything of the family of `root_id` changes; while it `waits` for settlement, it will change
    even if its partition does not move.
    """

    root_id: str
    partition: int
    mark: str
    waits: bool


async def read_moved(postgres: Postgres, organization: str, id: str) -> FamilyMark | None:
    """The mark for an account, commitment, balance or bill; None if the read models do not have this id."""
    async with reading_live(postgres) as connection:
        row: Mapping[str, Any] | None = await connection.fetchrow(_MOVED, organization, id)
    if row is None:
        return None
    mark = ".".join("" if row[part] is None else str(row[part]) for part in _PARTS)
    return FamilyMark(row["root_id"], row["partition"], mark, row["due"] is not None)
