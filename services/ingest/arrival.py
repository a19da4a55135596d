"""When a usage record arrived: its LogAppendTime, or its first one if it was carried to another partition."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from events.topics import ARRIVAL_HEADER
from services.ingest.instants import utc_text

#: How far beyond its arrival (or its organization's test clock) a record's time may lie.
FUTURE_LIMIT = timedelta(days=1)
#: Latest time that usage may have at all: arithmetic beyond it leaves the calendar.
LATEST = datetime(9999, 12, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
#: A re-route happens while the record still stands in `usage`, which keeps 40 days.
_OLDEST_MS = 40 * _DAY_MS

Headers = Iterable[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An arrival: milliseconds since 1970, the same as an instant, as the log spells it, and how late usage may be.

    `limit` is the latest time that usage may have that arrived then.
    """

    ms: int
    at: datetime
    text: str
    limit: datetime


def arrival(ms: int) -> Arrival:
    """The arrival at these milliseconds; records of one batch share theirs, so keep it for the next one."""
    at = _EPOCH + timedelta(milliseconds=ms)
    return Arrival(ms, at, utc_text(at), at + FUTURE_LIMIT)


def arrival_ms(timestamp: int, headers: Headers) -> int:
    """Milliseconds since 1970 of the record's first arrival.

    Anyone may write the header, so it counts only where a re-route explains it: not after the broker's own time, and
    not longer ago than `usage` keeps records. A forged one would else move the limit on future usage, or make a
    repeated id look older than the window of dedupe.
    """
    for name, value in headers:
        if name == ARRIVAL_HEADER and value is not None and value.isdigit() and len(value) < 16:
            carried = int(value)
            return carried if timestamp - _OLDEST_MS <= carried <= timestamp else timestamp
    return timestamp


def day_number(milliseconds: int) -> int:
    """Days since 1970, UTC: the day by which ids are forgotten."""
    return milliseconds // _DAY_MS
