"""Which partitions a write takes: those that have waited longest, and as many of them as AT_ONCE_S lasts for.

Written all together, the accounts of all partitions would wait for each other: with a thousand of them busy, for the
most of a second. Written in turn, each waits for a round to come by, and for those few that are written with it.
"""

import time
from collections.abc import Iterable, Mapping

#: What a write of several partitions may take, as far as it can be told.
AT_ONCE_S = 0.1
#: What a transaction takes that has hardly anything to write.
LEAST_S = 0.005
#: How much of what a total costs the last write tells, and how much those before it.
NEWEST = 0.3


class Rounds:
    """Since when partitions wait to be written, and what a total of theirs costs. Seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}
        self._cost_of_total = 0.0

    def folded(self, partitions: Iterable[int]) -> None:
        """Records of these came; one that waits already keeps its place."""
        now = time.monotonic()
        for partition in partitions:
            self._since.setdefault(partition, now)

    def waited(self, records: Mapping[int, int]) -> float:
        """For how long the oldest of these records wait."""
        now = time.monotonic()
        return max((now - self._since.get(partition, now) for partition in records), default=0.0)

    def next(self, totals: Mapping[int, int]) -> list[int]:
        """Of these partitions, with so many totals to write each, those whose turn it is: one at least.

        A partition that has no records to write, but something else, waits from now on.
        """
        self.folded(totals)
        chosen, expected = list[int](), 0.0
        for partition in sorted(totals, key=self._since.__getitem__):
            expected += totals[partition] * self._cost_of_total
            if chosen and expected > AT_ONCE_S:
                break
            chosen.append(partition)
        return chosen

    def wrote(self, totals: Mapping[int, int], seconds: float) -> None:
        """These were written, with so many totals each, in so many seconds."""
        for partition in totals:
            self._since.pop(partition, None)
        count = sum(totals.values())
        if count:
            of_total = max(seconds - LEAST_S, 0.0) / count
            known = self._cost_of_total
            self._cost_of_total = of_total if not known else known + NEWEST * (of_total - known)

    def forget(self, partitions: Iterable[int]) -> None:
        """They are somebody else's now."""
        for partition in partitions:
            self._since.pop(partition, None)
