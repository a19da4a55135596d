"""Instants of usage: parsed from RFC 3339, normalised to UTC and the log's spelling.

Also the arrival of a record: its LogAppendTime, or its first LogAppendTime if it was re-routed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from events.dates import from_ms, instant_of, instant_text
from events.topics import ARRIVAL_HEADER
from events.zones import ZoneDays

_SECONDS = len("2026-01-01T00:00:00Z")
#: How far beyond its arrival (or its organization's test clock) a record's time may be.
FUTURE_LIMIT = timedelta(days=1)
#: Latest time of any usage: arithmetic beyond it leaves the calendar.
LATEST = datetime(9999, 12, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
#: Longest time before a re-route: the original record must still be in `usage`, which keeps 40 days.
_OLDEST_MS = 40 * _DAY_MS
Headers = Iterable[tuple[str, bytes | None]]


def parse_instant(text: str) -> tuple[datetime, str]:
    """The instant in UTC, and its text in the log.

    Raises: ValueError naming the rule.
    """
    if len(text) == _SECONDS and _usual(text):
        try:
            return datetime.fromisoformat(text), text
        except ValueError:
            pass  # better explained below
    return _parse_any(text)


def parse_with_day(text: str, days: ZoneDays) -> tuple[datetime, str, date | None]:
    """`parse_instant`, and the day of the instant if its hour is cached: usage comes in order of time.

    The text of a cached hour has been validated, so only minutes and seconds must be parsed.
    """
    day = days.get(text[:13])
    if day is not None and len(text) == _SECONDS and text[13::3] == "::Z":
        try:
            return datetime.fromisoformat(text), text, day
        except ValueError:
            pass  # better explained below
    return *parse_instant(text), None


def _usual(text: str) -> bool:
    """Whether the separators stand where the log has them, and the hour is not one that only ISO 8601 allows.

    `fromisoformat` also accepts weeks, basic formats and 24:00, which RFC 3339 forbids.
    """
    return text[10] == "T" and text[13::3] == "::Z" and text[7] == "-" and text[11:13] != "24"


def _parse_any(text: str) -> tuple[datetime, str]:
    moment = instant_of(text)
    return moment, instant_text(moment)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An arrival in milliseconds since 1970, as an instant, and in the log's spelling.

    `limit` is the latest allowed time of usage with this arrival.
    """

    ms: int
    at: datetime
    text: str
    limit: datetime


def arrival(ms: int) -> Arrival:
    """The arrival at these milliseconds; keep it for the next record, because records of one batch share it."""
    at = from_ms(ms)
    return Arrival(ms, at, instant_text(at), at + FUTURE_LIMIT)


def arrival_ms(timestamp: int, headers: Headers) -> int:
    """Milliseconds since 1970 of the record's first arrival.

    Anyone may write the header, so it counts only if a re-route can explain it: it is not after the broker's own time,
    and not older than `usage` keeps records. Otherwise a forged header could shift the limit for future usage, or make
    a repeated id look older than the dedupe window.
    """
    for name, value in headers:
        if name == ARRIVAL_HEADER and value is not None and value.isdigit() and len(value) < 16:
            carried = int(value)
            return carried if timestamp - _OLDEST_MS <= carried <= timestamp else timestamp
    return timestamp


def day_number(milliseconds: int) -> int:
    """Days since 1970, UTC: ids are forgotten by this day."""
    return milliseconds // _DAY_MS
