"""How often the projector writes: what it costs decides, not whether the log's end is reached.

A write costs about as much as it touches totals, because their families are settled; it comes when FOLD_SHARE times
that cost has passed since the last one. So a trickle is visible within milliseconds, and a flood that touches a
thousand families with every poll settles each of them once for thousands of events. An ingest that is slower than the
projector keeps it near the log's end for ever, so being near it says nothing; only when nothing has come for a part of
what the write costs, waiting longer would gain nothing.
"""

import time

#: Most records in one transaction, and most seconds that a folded record waits for its transaction.
MAX_UNWRITTEN = 400_000
MAX_SECONDS = 2.0
#: Folding gets this many times the time that the next transaction will take.
FOLD_SHARE = 6.0
#: Nothing came for this many times it, and for at least this long: there is nothing to wait for.
QUIET_SHARE = 0.5
QUIET_S = 0.1
#: What a transaction takes however little it touches; it says nothing about the next one.
OVERHEAD_S = 0.02


class Pace:
    """Remembers what the last write cost. Seconds are those of a monotonic clock."""

    def __init__(self) -> None:
        self._written_at = self._folded_at = time.monotonic()
        self._seconds_per_cell = 0.0

    def folded(self) -> None:
        """Records came and are folded."""
        self._folded_at = time.monotonic()

    def due(self, cells: int, unwritten: int) -> bool:
        """Whether to write now, with so many totals touched by so many records that are not written."""
        if unwritten >= MAX_UNWRITTEN:
            return True
        cost, now = self._seconds_per_cell * cells, time.monotonic()
        quiet = now - self._folded_at >= max(QUIET_SHARE * cost, QUIET_S)
        return quiet or now - self._written_at >= min(FOLD_SHARE * cost, MAX_SECONDS)

    def wrote(self, cells: int, started: float) -> None:
        """A write of so many totals, begun at `started` on the monotonic clock, has ended."""
        self._written_at = time.monotonic()
        if cells:
            self._seconds_per_cell = max(self._written_at - started - OVERHEAD_S, 0.0) / cells
