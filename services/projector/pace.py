"""How often the projector writes: as often as keeps balances fresh, and as seldom as what it costs asks."""

import time

#: A write follows the one before after this long, while the cost allows: what is written is so fresh.
FRESH_S = 0.05
#: Most records in one transaction, and most seconds that a folded record waits for its transaction.
MAX_UNWRITTEN = 400_000
MAX_SECONDS = 2.0
#: From write to write pass this many times what the next one costs: so long as writing may have half of a core ...
TRICKLE_SHARE = 2.0
#: ... and in a flood, where what writing takes is missing to rating and folding, of so many records a second.
FLOOD_SHARE = 7.0
FLOOD_RECORDS = 20_000
#: Nothing came for this many times the cost, and for at least this long: there is nothing to wait for.
QUIET_SHARE = 0.5
QUIET_S = 0.1
#: What a transaction takes however little it touches; it says nothing about the next one.
OVERHEAD_S = 0.02
#: The shortest time to wait for records before it is looked again whether to write.
LOOK_S = 0.005


class Pace:
    """How often the projector writes: freshness asks for it, and what it costs decides.

    A write costs about as much as it touches totals, because their families are settled. It comes FRESH_S after the one
    before, or when TRICKLE_SHARE times its cost has passed: so a trickle is visible within milliseconds, and many
    accounts take half of a core at most. A flood that touches a thousand families with every poll settles each of them
    once for thousands of events: then FLOOD_SHARE times the cost passes. An ingest that is slower than the projector
    keeps it near the log's end for ever, so being near it says nothing; only when nothing has come for a part of what
    the write costs, waiting longer would gain nothing.

    Seconds are those of a monotonic clock.
    """

    def __init__(self) -> None:
        self._written_at = self._folded_at = time.monotonic()
        self._seconds_per_cell = 0.0

    def folded(self) -> None:
        """Records came and are folded."""
        self._folded_at = time.monotonic()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come for a while."""
        return time.monotonic() - self._folded_at >= QUIET_S

    def due(self, cells: int, unwritten: int) -> bool:
        """Whether to write now, with so many totals touched by so many records that are not written."""
        return self._left(cells, unwritten) <= 0

    def wait(self, cells: int, unwritten: int) -> float:
        """How long to wait for more records until it may be due."""
        return max(LOOK_S, self._left(cells, unwritten))

    def _left(self, cells: int, unwritten: int) -> float:
        if unwritten >= MAX_UNWRITTEN or (not cells and not unwritten):
            return 0.0
        cost, now = self._seconds_per_cell * cells, time.monotonic()
        passed = now - self._written_at
        share = FLOOD_SHARE if unwritten > FLOOD_RECORDS * max(passed, FRESH_S) else TRICKLE_SHARE
        quiet = self._folded_at + max(QUIET_SHARE * cost, QUIET_S) - now
        return min(quiet, min(max(share * cost, FRESH_S), MAX_SECONDS) - passed)

    def wrote(self, cells: int, started: float, aside: float = 0.0) -> None:
        """A write of so many totals, begun at `started` on the monotonic clock, has ended.

        `aside` are seconds of it that do not follow these totals: they say nothing about what others will cost.
        """
        now = time.monotonic()
        self._written_at = started
        if cells:
            self._seconds_per_cell = max(now - started - aside - OVERHEAD_S, 0.0) / cells
