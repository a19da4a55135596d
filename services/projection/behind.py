"""Who waits for what follows the balances, and since when."""

import time
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from services.readside.family_state import Root

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
