"""Rows for the floor: those that the product wrote for the same accounts, with the floor's own sums put in."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from events.topics import EVENTS
from projections.readmodels import positions
from projections.readmodels.accrued_lines import AccruedRow
from projections.readmodels.balances import BalanceRow
from projections.readmodels.draws import DrawRow
from projections.readmodels.outlooks import OutlookRow
from projections.readmodels.positions import Position

Row = TypeVar("Row", BalanceRow, DrawRow, AccruedRow, OutlookRow)


class Settled(NamedTuple):
    """All rows of some accounts, by table."""

    balances: list[BalanceRow]
    draws: list[DrawRow]
    lines: list[AccruedRow]
    outlooks: list[OutlookRow]


class Patterns:
    """What the product left, by account."""

    def __init__(self) -> None:
        self._balances: dict[str, list[BalanceRow]] = {}
        self._draws: dict[str, list[DrawRow]] = {}
        self._lines: dict[str, list[AccruedRow]] = {}
        self._outlooks: dict[str, list[OutlookRow]] = {}
        self.aggregation = ""
        self.positions: list[Position] = []

    async def load(self, connection: Any, partitions: int) -> None:
        """Read the product's rows on a connection whose `search_path` is its schema."""
        self._balances = await _by_account(connection, "commitment_balances", BalanceRow)
        self._draws = await _by_account(connection, "draws", DrawRow)
        self._lines = await _by_account(connection, "accrued_lines", AccruedRow)
        self._outlooks = await _by_account(connection, "outlooks", OutlookRow)
        self.aggregation = await connection.fetchval("SELECT min(aggregation_id) FROM usage_totals")
        rows = await connection.fetch(positions.READ, EVENTS, list(range(partitions)))
        self.positions = [positions.position_of(row) for row in rows]

    def settled(self, spent: Mapping[str, int]) -> Settled:
        """The rows of these accounts, whose balance shows what is given as spent."""
        settled = Settled([], [], [], [])
        for account, quantity in spent.items():
            amount = Decimal(quantity)
            settled.balances.extend([row._replace(spent=amount) for row in self._balances[account]])
            settled.draws.extend([row._replace(amount=amount) for row in self._draws[account]])
            settled.lines.extend([row._replace(amount=amount) for row in self._lines[account]])
            # What began today has none.
            settled.outlooks.extend([row._replace(remaining=amount) for row in self._outlooks.get(account, ())])
        for rows in settled:
            rows.sort()
        return settled


async def _by_account(connection: Any, table: str, kind: type[Row]) -> dict[str, list[Row]]:
    names: Iterable[str] = kind._fields
    rows_of: dict[str, list[Row]] = {}
    for row in await connection.fetch(f"SELECT {', '.join(names)} FROM {table} ORDER BY 1, 2"):
        rows_of.setdefault(row["account_id"], []).append(kind(*row))
    return rows_of
