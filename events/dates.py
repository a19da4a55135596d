"""How dates and date-times are written: one rule for fields, parameters, searches, stories and arguments.

A date is `YYYY-MM-DD`. A date-time is RFC 3339: `2026-01-01T00:00:00Z`, or with another offset. Where a day is meant, a
date-time without an offset is UTC, because m3ter's clients send times without a zone. A date-time at midnight UTC names
that calendar day wherever a day is meant (rules 2). The day of any other date-time depends on the account's zone
(`projections.calendar.named_day`), so a field without a zone refuses it.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

#: Dates of the wire lie within these bounds: periods are walked one by one, and zone arithmetic fails near years 1 and
#: 9999. The last day is the exclusive end of a period that ends with 2199.
EARLIEST, LATEST = date(1970, 1, 1), date(2200, 1, 1)
#: The epoch from which Kafka counts milliseconds.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

#: The message for a text of another form.
INSTANT_RULE = "must be an RFC 3339 date-time with an offset or Z"
MOMENT_RULE = "must be a date, YYYY-MM-DD, or an RFC 3339 date-time"
DAY_RULE = f"{MOMENT_RULE} at midnight UTC"

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_HOUR_AND_MINUTE = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_WRITTEN_DAY = re.compile(_DATE)
_WRITTEN_INSTANT = re.compile(rf"{_DATE}[Tt]{_HOUR_AND_MINUTE}:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-]{_HOUR_AND_MINUTE})?")


def in_ms(instant: datetime) -> int:
    """Whole milliseconds since the epoch, Kafka's unit of time."""
    return (instant - EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """The instant in UTC this many milliseconds after the epoch."""
    return EPOCH + ms * _MS


def instant_text(instant: datetime) -> str:
    """The instant in UTC as wire and log write it: `2026-01-01T00:00:00Z`, with microseconds only if they are not 0."""
    return instant.astimezone(UTC).isoformat()[: -len("+00:00")] + "Z"


def check_bounds(day: date) -> date:
    """The day, if it lies within the bounds of the wire. Raises: ValueError."""
    if not EARLIEST <= day <= LATEST:
        raise ValueError(f"must be between {EARLIEST} and {LATEST}")
    return day


def day_at_midnight(moment: datetime) -> date | None:
    """The day that an instant at midnight UTC names in every zone; None for any other instant."""
    in_utc = moment.astimezone(UTC)
    return in_utc.date() if in_utc.time() == time.min else None


def instant_of(text: str) -> datetime:
    """The instant in UTC of a date-time text, to the microsecond, in any year.

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
    """The instant of a client's date-time text, within the years of the wire. Raises: ValueError naming the rule."""
    if not isinstance(value, str):
        raise ValueError(INSTANT_RULE)
    moment = instant_of(value)
    check_bounds(moment.date())
    return moment


def read_day(value: Any) -> date:
    """The day of a date or date-time where no zone is known. Raises: ValueError naming the rule."""
    moment = _read(value, DAY_RULE)
    day = day_at_midnight(moment) if isinstance(moment, datetime) else moment
    if day is None:
        raise ValueError(DAY_RULE)
    return day


def read_moment(value: Any) -> date | datetime:
    """A moment from its text: a date gives a day, a date-time an instant in UTC. Raises: ValueError naming the rule."""
    return _read(value, MOMENT_RULE)


def instant_at(moment: date | datetime) -> datetime:
    """The instant of a moment; a day stands for its midnight UTC."""
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
    """The date-time as written, naive if it has no offset. Its fraction is cut to microseconds, so rounding never
    reaches the next day.
    """
    if _WRITTEN_INSTANT.fullmatch(text) is None:
        raise ValueError(rule)
    try:
        return datetime.fromisoformat(text.upper())  # which cuts by itself
    except ValueError:
        raise ValueError(rule) from None
