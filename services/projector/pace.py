"""How often the projector writes: often enough to keep balances fresh, and no oftener than its cost allows."""

import time

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
