"""Money that nothing explains: |due - billed - unbilled| per account, and what conservation leaves over."""

from collections.abc import Set
from decimal import Decimal, localcontext
from typing import Any

from events.decimals import EXACT
from projections.line_types import MEMO_TYPES
from projections.settlement import settled
from services.audit.issued_bills import family_of, resources_of
from services.projection.projection import Projection
from services.readside.family_state import FamilyState, Root
from services.readside.loading import load_families

PAGE = 500

#: Of each root: what its bills that stand charge, and what its accrued lines say. Nothing is due for memos ($2).
_CHARGED = """
SELECT root_id, sum(amount) AS amount FROM (
    SELECT line.root_id, line.amount FROM {schema}.bill_line_items line
    JOIN {schema}.bills USING (bill_id)
    WHERE NOT bills.voided AND line.type <> ALL ($2)
    UNION ALL SELECT root_id, amount FROM {schema}.accrued_lines
) AS charged WHERE root_id = ANY ($1::text[]) GROUP BY root_id
"""
#: Of each commitment: what is in it must be spent, rolled over, lapsed or left; what is spent must be drawn, unless its
#: draws are still to follow. Of a minimum what is spent must have counted.
_CONSERVATION = """
SELECT coalesce(sum(CASE kind WHEN 'MINIMUM' THEN abs(spent - coalesce(counted, 0))
    ELSE abs(amount - spent - remaining - rolled_over - lapsed)
        + CASE WHEN behind.root_id IS NULL THEN abs(spent - coalesce(drawn, 0)) ELSE 0 END END), 0)
FROM {schema}.commitment_balances held
LEFT JOIN {schema}.due_accounts AS behind ON behind.root_id = held.root_id AND behind.reason = 'lines'
LEFT JOIN (SELECT commitment_id, sum(amount) AS drawn FROM {schema}.draws GROUP BY commitment_id) AS sums
    USING (commitment_id)
LEFT JOIN LATERAL (
    SELECT sum(counted) AS counted FROM jsonb_to_recordset(periods) AS period (counted numeric)
) AS of_periods ON true
"""
_ROOTS = """
SELECT organization, root_id FROM {schema}.account_directory
WHERE partition = $1 AND account_id = root_id AND root_id > $2 ORDER BY root_id LIMIT $3
"""


async def conservation(connection: Any, live: str) -> Decimal:
    """The sum of all residues of conservation."""
    unexplained = await connection.fetchval(_CONSERVATION.format(schema=live))
    return Decimal(unexplained)


async def unexplained(
    connection: Any, live: str, projection: Projection, partition: int, behind: Set[str]
) -> tuple[Decimal, int]:
    """Sum of |due - billed - unbilled| over the roots of a partition, and how many they are.

    Those whose accrued lines are `behind` are only counted. Due is settled from what the projection folded; billed and
    unbilled are the live rows.
    """
    total, count, after = Decimal(0), 0, ""
    while True:
        page = await connection.fetch(_ROOTS.format(schema=live), partition, after, PAGE)
        if not page:
            return total, count
        after = page[-1]["root_id"]
        count += len(page)
        roots = [row["root_id"] for row in page]
        rows = await connection.fetch(_CHARGED.format(schema=live), roots, MEMO_TYPES)
        charged = {row["root_id"]: row["amount"] for row in rows}
        async with projection.target.reading() as scratch:
            families = await load_families(
                scratch, [Root(row["organization"], row["root_id"], partition) for row in page]
            )
        with localcontext(EXACT):
            for state in (family for family in families if family.root_id not in behind):
                total += abs(_due(projection, state) - charged.get(state.root_id, Decimal(0)))


def _due(projection: Projection, state: FamilyState) -> Decimal:
    """All that is due in a family. What was billed to an account that was deleted stays due (rules 8.10)."""
    left = state.billed.charged_beside(state.own.accounts)
    if not state.has_terms:
        return left
    tick = projection.partitions[state.partition].position.tick
    settlement = settled(family_of(projection, state), state.today(resources_of(projection, state), tick))
    return sum((line.money for line in settlement.lines.values()), left)
