"""Conservation of a whole organization, family by family: memory stays flat however many there are.

Each family is settled from one snapshot of the live read models and compared with the rows that are shown, so a row
that says something else than its log is found here, too, with the name of its commitment.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from events.decimals import EXACT
from projections.line_types import MEMO_TYPES
from projections.settlement import Settlement, settled
from projections.settlement.conservation import Residue, residues
from projections.settlement.states_by_day import state_of
from services.concurrency import compute
from services.postgres import Postgres
from services.readside.family_now import PageRows, iterate_roots, loaded_page, read_page
from services.readside.live import reading_live

#: Failing laws that an answer names; all of them count.
FAILURES_MAX = 1_000

_ROWS = """
SELECT commitment_id, kind, amount, spent, remaining, rolled_over, lapsed,
    (SELECT coalesce(sum(draws.amount), 0) FROM draws WHERE draws.commitment_id = held.commitment_id) AS drawn
FROM commitment_balances held WHERE organization = $1 AND root_id = $2
"""
#: Why a root waits for rows to be written: `lines`, if its balances are there already.
_WAITS = "SELECT reason FROM due_accounts WHERE root_id = $1"
#: Of a root, without memos ($2): nothing is ever due for what is put on a bill by hand.
_CHARGED = """
SELECT (
    SELECT coalesce(sum(line.amount), 0) FROM bill_line_items line JOIN bills USING (bill_id)
    WHERE line.root_id = $1 AND NOT bills.voided AND line.type <> ALL ($2)
) AS billed, (SELECT coalesce(sum(amount), 0) FROM accrued_lines WHERE root_id = $1) AS unbilled
"""


@dataclass(slots=True)
class Conservation:
    """What was looked at, and what of it does not hold. `waiting` families still wait for their rows to be written."""

    families: int = 0
    agreements: int = 0
    waiting: int = 0
    unexplained: Decimal = Decimal(0)
    failing: int = 0
    failures: list[Residue] = field(default_factory=list)

    def note(self, residue: Residue) -> None:
        """Count a law that does not hold."""
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
        charged = await connection.fetchrow(_CHARGED, root_id, MEMO_TYPES)
    conservation.families += 1
    conservation.waiting += waits is not None
    shown = _Shown(rows, None if waits == "lines" else charged) if waits in (None, "lines", "outlooks") else None
    agreements, failing = await compute(organization, _residues_of, page, shown)
    conservation.agreements += agreements
    for residue in failing:
        conservation.note(residue)


class _Shown(NamedTuple):
    """The rows of balances, and what bills and accrued lines charge; None as long as lines and draws are behind."""

    balances: Sequence[Mapping[str, Any]]
    charged: Mapping[str, Any] | None


def _residues_of(page: PageRows, shown: _Shown | None) -> tuple[int, list[Residue]]:
    """How many commitments and balances there are, and which laws do not hold; those of what is shown, if it is."""
    [loaded] = loaded_page(page).values()
    settlement = settled(loaded.family, loaded.today)
    failing = list(residues(settlement))
    if shown is not None:
        failing += _shown_residues(settlement, shown)
    return len(settlement.commitments) + len(settlement.balances), failing


def _shown_residues(settlement: Settlement, shown: _Shown) -> Iterator[Residue]:
    """What the rows say against themselves, and against the settlement of what is behind them."""
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
        rest = due - shown.charged["billed"] - shown.charged["unbilled"]
    if rest:
        yield Residue("due = billed + unbilled", None, settlement.terms.root_id, None, rest)
