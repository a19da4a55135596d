"""The pace of the projector's writes: often enough to keep balances fresh, and no more often than their cost allows.

Also the partitions that a write takes: those that have waited longest, and as many as fit into AT_ONCE_S. If all were
written together, the accounts of all partitions would wait for each other: with a thousand busy accounts for almost a
second. In turn, each waits for one round, and for the few that are written with it.
"""

import time
from collections.abc import Iterable, Mapping

#: If the cost allows, a write follows the one before after this long; balances are no older than this.
FRESH_S = 0.05
#: Most records in one transaction, and longest wait of a folded record for its transaction, in seconds.
MAX_UNWRITTEN = 400_000
MAX_SECONDS = 2.0
#: From the beginning of a write to the next pass at least this many times its cost, so that writing takes at most two
#: thirds of a core ...
TRICKLE_SHARE = 1.5
#: ... and this many times in a flood of at least this many records a second, when rating and folding need the core
#: more.
FLOOD_SHARE = 7.0
FLOOD_RECORDS = 30_000
#: When nothing has come for this many times the cost, and for at least this long, waiting gains nothing.
QUIET_SHARE = 0.5
QUIET_S = 0.1
#: Shortest wait for records before the next check whether to write.
LOOK_S = 0.005


class Pace:
    """The pace of the projector's writes: freshness asks for a write, and its cost decides.

    A write comes FRESH_S after the one before, or when TRICKLE_SHARE times as long has passed as that one took: so a
    trickle is visible within milliseconds, and many accounts take two thirds of a core at most. The cost of the next
    write does not count: it grows during the wait, so a wait for it would never end. A flood that touches a thousand
    families with every poll settles each of them once for thousands of events: then FLOOD_SHARE times the cost passes.
    An ingest that is slower than the projector keeps it near the log's end for ever, so nearness says nothing; only if
    nothing has come for a part of the last write's cost does waiting gain nothing. The rate of records is measured from
    the beginning of the last write, because records that gathered during the write arrive at once behind it, and are no
    flood.

    Seconds are those of a monotonic clock.
    """

    def __init__(self) -> None:
        self._written_at = self._folded_at = time.monotonic()
        self._cost = 0.0
        #: Records that came since the beginning of the last write.
        self._come = 0

    def folded(self, records: int) -> None:
        """Note that this many records came and are folded."""
        self._folded_at = time.monotonic()
        self._come += records

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come for a while."""
        return time.monotonic() - self._folded_at >= QUIET_S

    def due(self, unwritten: int, waited: float) -> bool:
        """Whether to write now, with this many unwritten records, the oldest waiting for this many seconds."""
        return self._left(unwritten, waited) <= 0

    def wait(self, unwritten: int, waited: float) -> float:
        """How long to wait for more records before the next check of `due`."""
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
        """Note that a write, begun at `started` on the monotonic clock, has ended.

        `aside` are its seconds that do not depend on its records, so they do not predict the next write's cost.
        """
        self._written_at = started
        self._come = 0
        self._cost = time.monotonic() - started - aside


#: Most seconds that a write of several partitions should take, by prediction.
AT_ONCE_S = 0.1
#: Seconds of a transaction that do not depend on what is written, on a busy machine. If they counted as cost of the
#: totals, small writes would look dear, and stay small: each partition would then wait for those of all others.
LEAST_S = 0.01
#: Weight of the last write in the estimated cost of a total; earlier writes have the rest.
NEWEST = 0.3


class Rounds:
    """The waiting times of partitions, and the cost of their work, which is counted in totals to write. Seconds of a
    monotonic clock.
    """

    def __init__(self) -> None:
        self._since: dict[int, float] = {}
        self._cost_of_total = 0.0

    def folded(self, partitions: Iterable[int]) -> None:
        """Note that records of these partitions came; a partition that already waits keeps its place."""
        now = time.monotonic()
        for partition in partitions:
            self._since.setdefault(partition, now)

    def waited(self, records: Mapping[int, int]) -> float:
        """How long the oldest of these partitions' records have waited."""
        now = time.monotonic()
        return max((now - self._since.get(partition, now) for partition in records), default=0.0)

    def next(self, work: Mapping[int, int]) -> list[int]:
        """The partitions to write next, given the work in each; at least one.

        A partition without records but with something else to write waits from now on.
        """
        self.folded(work)
        chosen, expected = list[int](), 0.0
        for partition in sorted(work, key=self._since.__getitem__):
            expected += work[partition] * self._cost_of_total
            if chosen and expected > AT_ONCE_S:
                break
            chosen.append(partition)
        return chosen

    def wrote(self, work: Mapping[int, int], seconds: float) -> None:
        """Note that this work of some partitions was written, in this many seconds."""
        for partition in work:
            self._since.pop(partition, None)
        count = sum(work.values())
        if count:
            of_total = max(seconds - LEAST_S, 0.0) / count
            cost = self._cost_of_total
            self._cost_of_total = of_total if not cost else cost + NEWEST * (of_total - cost)

    def forget(self, partitions: Iterable[int]) -> None:
        """Forget partitions that another process owns now."""
        for partition in partitions:
            self._since.pop(partition, None)
