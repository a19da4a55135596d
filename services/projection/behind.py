"""The roots whose balances, or whose later rows (draws, lines, outlooks), are still to be written, and since when; and
the rows of `due_accounts` that say so.
"""

import time
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

from projections.readmodels import due
from services.projection.settled_tables import put
from services.projection.unwritten import PartitionState
from services.readside.family_state import FamilyState, Root

#: A root whose later rows take longer than this to compute is expensive ...
DEAR_SECONDS = 0.05
#: ... and takes at most this part of the time.
DEAR_SHARE = 0.05


@dataclass(slots=True)
class Behind:
    """Roots that wait for balances or later rows, by their ids, the longest waiting first; while records keep coming,
    for at least so many seconds. Every one of them is marked in `due_accounts`.

    An expensive root, say with ten thousand segments a day, waits longer, so that it takes only a small part of the
    time: all others wait while it is computed.
    """

    seconds: float
    _since: dict[str, tuple[float, Root]] = field(default_factory=dict)
    #: How long expensive roots wait.
    _dear: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, root_id: str) -> bool:
        return root_id in self._since

    def note(self, roots: Iterable[Root]) -> None:
        """Note that these wait from now on; a root that already waits keeps its place."""
        now = time.monotonic()
        for root in roots:
            self._since.setdefault(root.id, (now, root))

    def next(self, partitions: Container[int], *, all_of_them: bool) -> list[Root]:
        """The next roots in these partitions: all, or those that have waited long enough."""
        now = time.monotonic()
        roots = []
        for since, root in self._since.values():
            if not all_of_them and since > now - self.seconds:
                break
            if root.partition in partitions and (all_of_them or since <= now - self._dear.get(root.id, 0.0)):
                roots.append(root)
        return roots

    def took(self, root_id: str, seconds: float) -> None:
        """Note how many seconds of processor time the root's later rows took."""
        if seconds > DEAR_SECONDS:
            self._dear[root_id] = seconds / DEAR_SHARE
        else:
            self._dear.pop(root_id, None)

    def written(self, root_ids: Iterable[str]) -> list[float]:
        """Note that these wait no more; returns how many seconds each of them that waited did."""
        now = time.monotonic()
        waited = [self._since.pop(root_id, None) for root_id in root_ids]
        return [now - since for since, _ in filter(None, waited)]

    def forget(self, partitions: Iterable[int]) -> None:
        """Forget partitions that another process writes now."""
        gone = set(partitions)
        self._since = {id: (since, root) for id, (since, root) in self._since.items() if root.partition not in gone}
        self._dear = {id: wait for id, wait in self._dear.items() if id in self._since}


class Marks:
    """Roots whose row already says, by this process, that draws and lines follow: it need not be written with every
    write.

    If a catalog change or a new day has marked the row since, it says something else. The root then stays due until its
    turn comes, and then this is noticed.
    """

    def __init__(self) -> None:
        #: With their partitions.
        self._marked: dict[str, int] = {}

    def newly(self, families: Iterable[FamilyState]) -> list[FamilyState]:
        """The families whose rows must say so from now on."""
        newly = [family for family in families if family.root_id not in self._marked]
        self._marked.update((family.root_id, family.partition) for family in newly)
        return newly

    def gone(self, root_ids: Iterable[str]) -> None:
        """Note that these rows were changed or deleted."""
        for root_id in root_ids:
            self._marked.pop(root_id, None)

    def forget(self, partitions: Iterable[int]) -> None:
        """Forget partitions that another process may write."""
        others = set(partitions)
        self._marked = {id: partition for id, partition in self._marked.items() if partition not in others}


async def mark_due(
    connection: Any, states: Iterable[PartitionState], families: Iterable[FamilyState], reason: str
) -> None:
    """Mark these families to be settled later: their rows hold the state before this transaction."""
    stored = {state.position.partition: state.position.stored for state in states}
    marked = sorted(
        (family.root_id, family.organization, family.partition, reason, stored[family.partition]) for family in families
    )
    await put(connection, due.MARK, marked, due.MARK_WIDTH)


async def mark_behind(
    connection: Any, states: Iterable[PartitionState], families: Iterable[FamilyState], statement: str
) -> None:
    """The statement marks which rows of these families are still to follow; until then those rows are as of the
    position written before this transaction.
    """
    stored = {state.position.partition: state.position.stored for state in states}
    behind = [(family.root_id, family.organization, family.partition, stored[family.partition]) for family in families]
    await put(connection, statement, sorted(behind), due.BEHIND_WIDTH)
