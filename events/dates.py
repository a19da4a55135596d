"""What a written date and a written date-time are: one rule for fields, parameters, searches, stories and arguments.

A date is `YYYY-MM-DD`. A date-time is RFC 3339: `2026-01-01T00:00:00Z`, or with another offset. Where a day is meant, a
date-time without an offset is UTC, for m3ter's clients send a time of no zone so. A date-time that stands at midnight
UTC names that calendar day, wherever a day is meant (rules 2). Which day any other one names is for the account's
zone to say (`projections.calendar.named_day`), so a field whose day is not read in a zone refuses it.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

#: No date of the wire lies outside: periods are walked one by one, and zone arithmetic fails near years 1 and 9999.
#: The last day is the exclusive end of what ends with 2199.
EARLIEST, LATEST = date(1970, 1, 1), date(2200, 1, 1)
#: What Kafka counts milliseconds from.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

#: How what is written otherwise is refused.
INSTANT_RULE = "must be an RFC 3339 date-time with an offset or Z"
MOMENT_RULE = "must be a date, YYYY-MM-DD, or an RFC 3339 date-time"
DAY_RULE = f"{MOMENT_RULE} at midnight UTC"

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_HOUR_AND_MINUTE = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_WRITTEN_DAY = re.compile(_DATE)
_WRITTEN_INSTANT = re.compile(rf"{_DATE}[Tt]{_HOUR_AND_MINUTE}:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-]{_HOUR_AND_MINUTE})?")


def in_ms(instant: datetime) -> int:
    """Whole milliseconds since the epoch, as Kafka has them."""
    return (instant - EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The instant in UTC, so many milliseconds after the epoch."""
    return EPOCH + ms * _MS


def instant_text(instant: datetime) -> str:
    """The instant in UTC as wire and log spell it: `2026-01-01T00:00:00Z`, microseconds only where there are some."""
    return instant.astimezone(UTC).isoformat()[: -len("+00:00")] + "Z"


def check_bounds(day: date) -> date:
    """The day, if the wire takes it. Raises: ValueError."""
    if not EARLIEST <= day <= LATEST:
        raise ValueError(f"must be between {EARLIEST} and {LATEST}")
    return day


def day_at_midnight(moment: datetime) -> date | None:
    """The day that an instant at midnight UTC names in every zone; None for any other instant."""
    in_utc = moment.astimezone(UTC)
    return in_utc.date() if in_utc.time() == time.min else None


def instant_of(text: str) -> datetime:
    """The instant in UTC that a date-time says, to the microsecond, of whatever year.

    Raises: ValueError naming the rule.
    """
    moment = _written_instant(text, INSTANT_RULE)
    if moment.tzinfo is None:
        raise ValueError(INSTANT_RULE)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # before year 1, or after year 9999
        raise ValueError(INSTANT_RULE) from None


def read_instant(value: Any) -> datetime:
    """The same of a client's value, in the years of the wire. Raises: ValueError naming the rule."""
    if not isinstance(value, str):
        raise ValueError(INSTANT_RULE)
    moment = instant_of(value)
    check_bounds(moment.date())
    return moment


def read_day(value: Any) -> date:
    """The day of a text, date or date-time where no zone could say it. Raises: ValueError naming the rule."""
    moment = _read(value, DAY_RULE)
    day = day_at_midnight(moment) if isinstance(moment, datetime) else moment
    if day is None:
        raise ValueError(DAY_RULE)
    return day


def read_moment(value: Any) -> date | datetime:
    """A day stays a day, a date-time becomes UTC. Raises: ValueError naming the rule."""
    return _read(value, MOMENT_RULE)


def instant_at(moment: date | datetime) -> datetime:
    """The instant that a moment stands at: a day's is its midnight UTC."""
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time.min, UTC)


def _read(value: Any, rule: str) -> date | datetime:
    if isinstance(value, str):
        value = _written_day(value, rule) if _WRITTEN_DAY.fullmatch(value) else _written_instant(value, rule)
    if isinstance(value, datetime):
        check_bounds(value.date())
        moment = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        check_bounds(moment.date())
        return moment
    if isinstance(value, date):
        return check_bounds(value)
    raise ValueError(rule)


def _written_day(text: str, rule: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(rule) from None


def _written_instant(text: str, rule: str) -> datetime:
    """The date-time as written, its fraction cut to microseconds: none moves to the next day. Naive without offset."""
    if _WRITTEN_INSTANT.fullmatch(text) is None:
        raise ValueError(rule)
    try:
        return datetime.fromisoformat(text.upper())  # which cuts by itself
    except ValueError:
        raise ValueError(rule) from None
