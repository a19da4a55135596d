"""Who waits for what follows the balances, and since when; and the rows of `due_accounts` that say so, or that somebody
is to be settled another time."""

import time
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

from projections.readmodels import due
from services.projection.settled_tables import put
from services.projection.unwritten import PartitionState
from services.readside.family_state import FamilyState, Root

#: What takes longer than this to work out of one root is dear ...
DEAR_SECONDS = 0.05
#: ... and has this part of the time at most.
DEAR_SHARE = 0.05


@dataclass(slots=True)
class Behind:
    """Roots by their ids, the one that waits longest first, while records keep coming for so many seconds. Every one of
    them is marked in `due_accounts`.

    One that is dear, say with ten thousand segments a day, waits for longer, so that it takes a small part of the time
    only: everybody else waits while it is worked out.
    """

    seconds: float
    _since: dict[str, tuple[float, Root]] = field(default_factory=dict)
    #: How long those that are dear wait.
    _dear: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._since)

    def note(self, roots: Iterable[Root]) -> None:
        """What goes before was written; one that waits already keeps its place."""
        now = time.monotonic()
        for root in roots:
            self._since.setdefault(root.id, (now, root))

    def next(self, partitions: Container[int], *, all_of_them: bool) -> list[Root]:
        """Whose turn it is in these partitions: all, or those who have waited long enough."""
        now = time.monotonic()
        roots = []
        for since, root in self._since.values():
            if not all_of_them and since > now - self.seconds:
                break
            if root.partition in partitions and (all_of_them or since <= now - self._dear.get(root.id, 0.0)):
                roots.append(root)
        return roots

    def took(self, root_id: str, seconds: float) -> None:
        """What follows of it took so many seconds of the processor to work out."""
        if seconds > DEAR_SECONDS:
            self._dear[root_id] = seconds / DEAR_SHARE
        else:
            self._dear.pop(root_id, None)

    def written(self, root_ids: Iterable[str]) -> None:
        """They wait no longer."""
        for root_id in root_ids:
            self._since.pop(root_id, None)

    def forget(self, partitions: Iterable[int]) -> None:
        """Somebody else writes these partitions now."""
        gone = set(partitions)
        self._since = {id: (since, root) for id, (since, root) in self._since.items() if root.partition not in gone}
        self._dear = {id: wait for id, wait in self._dear.items() if id in self._since}


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


async def mark_behind(
    connection: Any, states: Iterable[PartitionState], families: Iterable[FamilyState], statement: str
) -> None:
    """Something of these families is still to follow, which the statement names: it holds as far as was written before
    this transaction.
    """
    stored = {state.position.partition: state.position.stored for state in states}
    behind = [(family.root_id, family.organization, family.partition, stored[family.partition]) for family in families]
    await put(connection, statement, sorted(behind), due.BEHIND_WIDTH)
