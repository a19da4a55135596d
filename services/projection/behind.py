"""Whose draws and accrued lines are older than their balances: they are written within LINES_SECONDS, oldest first."""

import time
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from services.readside.loading import Root

#: How long draws and lines may wait while records keep coming; they are written sooner when none do.
LINES_SECONDS = 1.5


@dataclass(slots=True)
class Behind:
    """Roots by their ids, who waits longest first. Every one of them is marked in `due_accounts`, by reason `lines`."""

    _since: dict[str, tuple[float, Root]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._since)

    def note(self, roots: Iterable[Root]) -> None:
        """Their balances were written; who waits already keeps its place."""
        now = time.monotonic()
        for root in roots:
            self._since.setdefault(root[1], (now, root))

    def next(self, partitions: Container[int], *, all_of_them: bool) -> list[Root]:
        """Whose turn it is in these partitions: all, or those who have waited for LINES_SECONDS."""
        until = time.monotonic() - LINES_SECONDS
        found = []
        for since, root in self._since.values():
            if since > until and not all_of_them:
                break
            if root[2] in partitions:
                found.append(root)
        return found

    def written(self, root_ids: Iterable[str]) -> None:
        """Their draws and lines are as new as their balances."""
        for root_id in root_ids:
            self._since.pop(root_id, None)

    def forget(self, partitions: Iterable[int]) -> None:
        """Somebody else writes these partitions now."""
        gone = set(partitions)
        self._since = {id: one for id, one in self._since.items() if one[1][2] not in gone}
