"""Rows of `due_accounts`: who is to be settled another time, and whose draws and lines follow their balances."""

from collections.abc import Iterable, Sequence
from typing import Any

from projections.readmodels import columns, due
from services.projection.partition import PartitionState
from services.readside.family_state import FamilyState


class Marks:
    """Roots whose row says by our own doing that draws and lines follow: it need not be written with every write.

    A row that a catalog or a day has marked since says something else. It then stays due until its turn comes, by which
    it is known.
    """

    def __init__(self) -> None:
        #: With their partitions.
        self._marked: dict[str, int] = {}

    def newly(self, families: Iterable[FamilyState]) -> list[FamilyState]:
        """Those of the families whose row is to say so from now on."""
        newly = [family for family in families if family.root_id not in self._marked]
        self._marked.update((family.root_id, family.partition) for family in newly)
        return newly

    def gone(self, root_ids: Iterable[str]) -> None:
        """Their rows say something else now, or are not there."""
        for root_id in root_ids:
            self._marked.pop(root_id, None)

    def forget(self, partitions: Iterable[int]) -> None:
        """Somebody else may write these partitions."""
        others = set(partitions)
        self._marked = {id: partition for id, partition in self._marked.items() if partition not in others}


async def mark_due(
    connection: Any, states: Iterable[PartitionState], families: Iterable[FamilyState], reason: str
) -> None:
    """These families are to be settled another time: their rows hold what was written before this transaction."""
    stored = {state.position.partition: state.position.stored for state in states}
    marked = sorted(
        (family.root_id, family.organization, family.partition, reason, stored[family.partition]) for family in families
    )
    await put(connection, due.MARK, marked, due.MARK_WIDTH)


async def put(connection: Any, statement: str, rows: Sequence[Sequence[Any]], width: int) -> None:
    """Rows into a statement that takes them as parallel arrays; no rows, no statement."""
    if rows:
        await connection.execute(statement, *columns(rows, width))
