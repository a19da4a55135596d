"""How often the projector writes: often enough to keep balances fresh, and no oftener than its cost allows; and which
partitions a write takes: those that have waited longest, and as many of them as AT_ONCE_S lasts for.

Written all together, the accounts of all partitions would wait for each other: with a thousand of them busy, for the
most of a second. Written in turn, each waits for a round to come by, and for those few that are written with it.
"""

import time
from collections.abc import Iterable, Mapping

#: While the cost allows, a write follows the one before after this long; what is shown is no older.
FRESH_S = 0.05
#: Most records in one transaction, and most seconds that a folded record waits for its transaction.
MAX_UNWRITTEN = 400_000
MAX_SECONDS = 2.0
#: From the beginning of a write to that of the next pass at least this many times its cost, so that writing takes two
#: thirds of a core at most ...
TRICKLE_SHARE = 1.5
#: ... and this many times in a flood of so many records a second, where rating and folding need the core more.
FLOOD_SHARE = 7.0
FLOOD_RECORDS = 30_000
#: Once nothing has come for this many times the cost, and for at least this long, there is nothing to wait for.
QUIET_SHARE = 0.5
QUIET_S = 0.1
#: The shortest time to wait for records before it is looked again whether to write.
LOOK_S = 0.005


class Pace:
    """How often the projector writes: freshness asks for it, and what it costs decides.

    A write comes FRESH_S after the one before, or when TRICKLE_SHARE times as long has passed as that one took: so a
    trickle is visible within milliseconds, and many accounts take two thirds of a core at most. What the next one will
    cost is not asked: that grows while it waits, and to wait the longer for it would be to wait for ever.
    A flood that touches a thousand families with every poll settles each of them once for thousands of events: then
    FLOOD_SHARE times the cost passes. An ingest that is slower than the projector keeps it near the log's end for ever,
    so being near it says nothing; only when nothing has come for a part of what the last write cost, waiting longer
    would gain nothing.
    How many records come in a second is judged from the beginning of the last write on: what gathered while it was
    writing comes all at once behind it, and is no flood.

    Seconds are those of a monotonic clock.
    """

    def __init__(self) -> None:
        self._written_at = self._folded_at = time.monotonic()
        self._cost = 0.0
        #: Records that came since the beginning of the last write.
        self._come = 0

    def folded(self, records: int) -> None:
        """So many records came and are folded."""
        self._folded_at = time.monotonic()
        self._come += records

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come for a while."""
        return time.monotonic() - self._folded_at >= QUIET_S

    def due(self, unwritten: int, waited: float) -> bool:
        """Whether to write now: so many records are not written, the oldest for so many seconds."""
        return self._left(unwritten, waited) <= 0

    def wait(self, unwritten: int, waited: float) -> float:
        """How long to wait for more records until it may be due."""
        return max(LOOK_S, self._left(unwritten, waited))

    def _left(self, unwritten: int, waited: float) -> float:
        if not unwritten or unwritten >= MAX_UNWRITTEN:
            return 0.0
        now = time.monotonic()
        passed = now - self._written_at
        is_flood = self._come > FLOOD_RECORDS * max(passed, FRESH_S)
        share = FLOOD_SHARE if is_flood else TRICKLE_SHARE
        quiet = self._folded_at + max(QUIET_SHARE * self._cost, QUIET_S) - now
        return min(quiet, max(share * self._cost, FRESH_S) - passed, MAX_SECONDS - waited)

    def wrote(self, started: float, aside: float = 0.0) -> None:
        """A write, begun at `started` on the monotonic clock, has ended.

        `aside` are seconds of it that do not depend on its records, so they say nothing about what the next one will
        cost.
        """
        self._written_at = started
        self._come = 0
        self._cost = time.monotonic() - started - aside


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
            cost = self._cost_of_total
            self._cost_of_total = of_total if not cost else cost + NEWEST * (of_total - cost)

    def forget(self, partitions: Iterable[int]) -> None:
        """They are somebody else's now."""
        for partition in partitions:
            self._since.pop(partition, None)
