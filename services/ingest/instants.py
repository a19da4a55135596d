"""Instants of usage: RFC 3339 text in, UTC and the log's own spelling of it out."""

from datetime import date, datetime

from events.dates import instant_of
from projections.usage.cells import ZoneDays

_SECONDS = len("2026-01-01T00:00:00Z")


def utc_text(moment: datetime) -> str:
    """UTC as the log spells it: `2026-01-01T00:00:00Z`, microseconds only where there are some."""
    return moment.isoformat()[:-6] + "Z"


def parse_instant(text: str) -> tuple[datetime, str]:
    """The instant in UTC, and its text in the log.

    Raises: ValueError naming the rule.
    """
    if len(text) == _SECONDS and _usual(text):
        try:
            return datetime.fromisoformat(text), text
        except ValueError:
            pass  # said better below
    return _parse_any(text)


def parse_with_day(text: str, days: ZoneDays) -> tuple[datetime, str, date | None]:
    """`parse_instant`, and the day of the instant if its hour is known: usage comes in order of time.

    The text of a known hour has been read before, so only minutes and seconds are left to be read.
    """
    day = days.get(text[:13])
    if day is not None and len(text) == _SECONDS and text[13::3] == "::Z":
        try:
            return datetime.fromisoformat(text), text, day
        except ValueError:
            pass  # said better below
    return *parse_instant(text), None


def _usual(text: str) -> bool:
    """Whether the separators stand where the log has them, and the hour is none that only ISO 8601 knows.

    `fromisoformat` also takes weeks, basic formats and 24:00, which RFC 3339 has not.
    """
    return text[10] == "T" and text[13::3] == "::Z" and text[7] == "-" and text[11:13] != "24"


def _parse_any(text: str) -> tuple[datetime, str]:
    moment = instant_of(text)
    return moment, utc_text(moment)
