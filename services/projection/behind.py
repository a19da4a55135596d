"""Who waits for what follows the balances, and since when."""

import time
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from services.readside.family_state import Root


@dataclass(slots=True)
class Behind:
    """Roots by their ids, the one that waits longest first, while records keep coming for so many seconds. Every one of
    them is marked in `due_accounts`."""

    seconds: float
    _since: dict[str, tuple[float, Root]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._since)

    def note(self, roots: Iterable[Root]) -> None:
        """What goes before was written; one that waits already keeps its place."""
        now = time.monotonic()
        for root in roots:
            self._since.setdefault(root.id, (now, root))

    def next(self, partitions: Container[int], *, all_of_them: bool) -> list[Root]:
        """Whose turn it is in these partitions: all, or those who have waited long enough."""
        until = time.monotonic() - self.seconds
        roots = []
        for since, root in self._since.values():
            if since > until and not all_of_them:
                break
            if root.partition in partitions:
                roots.append(root)
        return roots

    def written(self, root_ids: Iterable[str]) -> None:
        """They wait no longer."""
        for root_id in root_ids:
            self._since.pop(root_id, None)

    def forget(self, partitions: Iterable[int]) -> None:
        """Somebody else writes these partitions now."""
        gone = set(partitions)
        self._since = {id: (since, root) for id, (since, root) in self._since.items() if root.partition not in gone}
