"""No clock is trusted alone: hosts, broker and Postgres are compared, and it is said when they differ (decision 27)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import combinations

import structlog

#: Less than this is what a slow answer or a young installation may show.
TOLERANCE = timedelta(minutes=1)
_log = structlog.get_logger(__name__)


def differing(times: Mapping[str, datetime]) -> list[str]:
    """Which of these clocks, read at about the same moment, differ by more than TOLERANCE, in words."""
    found = []
    for (one, here), (other, there) in combinations(times.items(), 2):
        apart = here - there
        if abs(apart) > TOLERANCE:
            side = "ahead of" if apart > timedelta(0) else "behind"
            found.append(f"the clock of {one} is {abs(apart.total_seconds()):.0f} s {side} that of {other}")
    return found


class ClockWatch:
    """Says that clocks differ, and that they no longer do: once for each change."""

    def __init__(self) -> None:
        self.differences: list[str] = []

    def compare(self, times: Mapping[str, datetime]) -> None:
        """Compare clocks that were read at about the same moment."""
        found = differing(times)
        if found and not self.differences:
            _log.warning("clocks_differ", found=found)
        elif self.differences and not found:
            _log.info("clocks_agree")
        self.differences = found
