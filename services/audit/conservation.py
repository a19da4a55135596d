"""The laws of conservation, and unexplained money.

An organization is checked family by family, so memory stays flat. Each family is settled from one snapshot of the live
read models and compared with the shown rows, so a row that disagrees with its log is found here, too, with the name of
its commitment. For the audit, the laws are also checked as sums over all rows.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from events.decimals import EXACT
from projections.line_types import MEMO_TYPES
from projections.settlement import Settlement, settled
from projections.settlement.conservation import Residue, residues
from projections.settlement.states_by_day import state_of
from projections.too_large import TooLargeError
from services.audit.issued_bills import family_of, resources_of
from services.concurrency import compute
from services.postgres import Postgres
from services.projection.projection import Projection
from services.readside.family_now import PageRows, iterate_roots, loaded_page, read_page
from services.readside.family_state import FamilyState, Root
from services.readside.live import reading_live
from services.readside.loading import load_families

#: Failing laws that an answer names; all of them are counted.
FAILURES_MAX = 1_000

#: Roots that are checked together.
PAGE = 500

_ROWS = """
SELECT commitment_id, kind, amount, spent, remaining, rolled_over, lapsed,
    (SELECT coalesce(sum(amount), 0) FROM draws WHERE draws.commitment_id = balance.commitment_id) AS drawn
FROM commitment_balances AS balance WHERE organization = $1 AND root_id = $2
"""
#: The reason why a root waits for rows: `lines`, if its balances are already written.
_WAITS = "SELECT reason FROM due_accounts WHERE root_id = $1"
#: For each of these roots ($1): the sum of its valid bills, and of its accrued lines. Without memos ($2), because
#: nothing is ever due for a line that was put on a bill by hand.
_CHARGED = """
SELECT root_id, sum(billed) AS billed, sum(unbilled) AS unbilled FROM (
    SELECT line.root_id, line.amount AS billed, 0 AS unbilled FROM bill_line_items AS line JOIN bills USING (bill_id)
    WHERE line.root_id = ANY ($1::text[]) AND NOT bills.voided AND line.type <> ALL ($2)
    UNION ALL SELECT root_id, 0, amount FROM accrued_lines WHERE root_id = ANY ($1::text[])
) AS charged GROUP BY root_id
"""
#: For each commitment: its amount is spent, rolled over, lapsed or left; the spent amount was drawn, unless its draws
#: still follow, or cannot be told. For a minimum, the spent amount has counted.
_RESIDUES = """
SELECT coalesce(sum(CASE kind WHEN 'MINIMUM' THEN abs(spent - coalesce(counted, 0))
    ELSE abs(amount - spent - remaining - rolled_over - lapsed)
        + CASE WHEN behind.root_id IS NULL THEN abs(spent - coalesce(drawn, 0)) ELSE 0 END END), 0)
FROM commitment_balances AS balance
LEFT JOIN due_accounts AS behind ON behind.root_id = balance.root_id AND behind.reason IN ('lines', 'too large')
LEFT JOIN (SELECT commitment_id, sum(amount) AS drawn FROM draws GROUP BY commitment_id) AS sums USING (commitment_id)
LEFT JOIN LATERAL (
    SELECT sum(counted) AS counted FROM jsonb_to_recordset(periods) AS period (counted numeric)
) AS of_periods ON true
"""
_ROOTS = """
SELECT organization, root_id FROM account_directory
WHERE partition = $1 AND account_id = root_id AND root_id > $2 ORDER BY root_id LIMIT $3
"""


@dataclass(slots=True)
class Conservation:
    """The number of checked items, and the laws that fail. `waiting` families still wait for their rows to be
    written.
    """

    families: int = 0
    agreements: int = 0
    waiting: int = 0
    unexplained: Decimal = Decimal(0)
    failing: int = 0
    failures: list[Residue] = field(default_factory=list)

    def note(self, residue: Residue) -> None:
        """Count a failing law."""
        with localcontext(EXACT):
            self.unexplained += abs(residue.residue)
        self.failing += 1
        if len(self.failures) < FAILURES_MAX:
            self.failures.append(residue)


async def check_organization(postgres: Postgres, organization: str) -> Conservation:
    """Every law of every family of the organization."""
    conservation = Conservation()
    async for root_id in iterate_roots(postgres, organization):
        await _check_family(postgres, organization, root_id, conservation)
    return conservation


async def _check_family(postgres: Postgres, organization: str, root_id: str, conservation: Conservation) -> None:
    async with reading_live(postgres) as connection:
        page = await read_page(connection, organization, [root_id])
        waits = await connection.fetchval(_WAITS, root_id)
        rows = await connection.fetch(_ROWS, organization, root_id)
        charged = (await _charged(connection, [root_id])).get(root_id, _Charged())
    conservation.families += 1
    conservation.waiting += waits is not None
    shown = _Shown(rows, None if waits == "lines" else charged) if waits in (None, "lines", "outlooks") else None
    try:
        agreements, failing = await compute(organization, _residues_of, page, shown)
    except TooLargeError:  # nothing of it is shown, nor billed, until it was corrected
        conservation.waiting += waits is None
        return
    conservation.agreements += agreements
    for residue in failing:
        conservation.note(residue)


class _Charged(NamedTuple):
    """The sum of a root's valid bills, and of its accrued lines."""

    billed: Decimal = Decimal(0)
    unbilled: Decimal = Decimal(0)


async def _charged(connection: Any, roots: Sequence[str]) -> dict[str, _Charged]:
    rows = await connection.fetch(_CHARGED, roots, MEMO_TYPES)
    return {row["root_id"]: _Charged(row["billed"], row["unbilled"]) for row in rows}


class _Shown(NamedTuple):
    """The rows of balances, and the charged sums; None while lines and draws lag behind."""

    balances: Sequence[Mapping[str, Any]]
    charged: _Charged | None


def _residues_of(page: PageRows, shown: _Shown | None) -> tuple[int, list[Residue]]:
    """The number of commitments and balances, and the failing laws; with those of the shown rows, if these are
    complete.
    """
    [loaded] = loaded_page(page).values()
    settlement = settled(loaded.family, loaded.today)
    failing = list(residues(settlement))
    if shown is not None:
        failing += _shown_residues(settlement, shown)
    return len(settlement.commitments) + len(settlement.balances), failing


def _shown_residues(settlement: Settlement, shown: _Shown) -> Iterator[Residue]:
    """The differences among the shown rows, and between them and the settlement."""
    with localcontext(EXACT):
        for row in shown.balances:
            state = state_of(settlement, row["commitment_id"])
            laws = {"shown: spent = settled": row["spent"] - (state.amount_spent if state else 0)}
            if row["kind"] != "MINIMUM":
                used = row["spent"] + row["remaining"] + row["rolled_over"] + row["lapsed"]
                laws["shown: amount + top-ups = spent + rolled over + lapsed + remaining"] = row["amount"] - used
                if shown.charged is not None:
                    laws["shown: spent = draws"] = row["spent"] - row["drawn"]
            for law, residue in laws.items():
                if residue:
                    yield Residue(law, row["commitment_id"], None, None, residue)
        if shown.charged is None:
            return
        left = settlement.family.billed.charged_beside(settlement.terms.accounts)
        due = sum((line.money for line in settlement.lines.values()), left)
        rest = due - shown.charged.billed - shown.charged.unbilled
    if rest:
        yield Residue("due = billed + unbilled", None, settlement.terms.root_id, None, rest)


async def sum_of_residues(connection: Any) -> Decimal:
    """The differences among all rows of balances and their draws. The transaction reads the live schema."""
    return Decimal(await connection.fetchval(_RESIDUES))


async def unexplained(connection: Any, projection: Projection, partition: int, behind: Set[str]) -> Decimal:
    """Sum of |due - billed - unbilled| over the roots of a partition, without those whose accrued lines are `behind`.

    Due amounts are settled from the folded log; billed and unbilled amounts are the live rows, which the transaction
    reads.
    """
    total, after = Decimal(0), ""
    while page := await connection.fetch(_ROOTS, partition, after, PAGE):
        after = page[-1]["root_id"]
        charged = await _charged(connection, [row["root_id"] for row in page])
        async with projection.target.reading() as scratch:
            families = await load_families(
                scratch, [Root(row["organization"], row["root_id"], partition) for row in page]
            )
        with localcontext(EXACT):
            for state in (family for family in families if family.root_id not in behind):
                total += abs(_due(projection, state) - sum(charged.get(state.root_id, ())))
    return total


def _due(projection: Projection, state: FamilyState) -> Decimal:
    """All that is due in a family. Amounts billed to a deleted account stay due (rules 8.10)."""
    left = state.billed.charged_beside(state.own.accounts)
    if not state.has_terms:
        return left
    tick = projection.partitions[state.partition].position.tick
    settlement = settled(family_of(projection, state), state.today(resources_of(projection, state), tick))
    return sum((line.money for line in settlement.lines.values()), left)
