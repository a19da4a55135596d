"""As of which service day, and as known at which moment, a page is looked at: two sliders, each with a field beside it.

Without script a form sends all of it: the sliders, the fields, and what both said when the page was made. Who has moved
is who differs from that; the answer leads to the page's address, which says the day and the moment and nothing else.
A slider counts days, or seconds, since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from events.dates import EPOCH
from services.console.asking import Missing

#: The slider of each, and what both said before.
SLIDERS = {"asOf": "asOfSlider", "knownAt": "knownAtSlider"}
_BEFORE = "Before"
#: A button of this name leads back to now, on the axis that is its value.
NOW = "now"
#: What a page may be asked as of, as its address and the API have it.
MOMENT = tuple(SLIDERS)
_EPOCH_DAY = EPOCH.date()
#: Steps of the slider of moments, in seconds, and how many of them it may have: the shortest that suffice.
_STEPS, _MOST = (1, 5, 15, 60, 300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400), 1_500


@dataclass(frozen=True, slots=True)
class Slider:
    """From `low` to `high`, at `value`, and at `now` for now; `exact` is what the field beside it says, "" for now."""

    name: str
    low: int
    high: int
    step: int
    value: int
    now: int
    exact: str
    #: What the address says, "" for now.
    in_address: str

    @property
    def slider(self) -> str:
        """Its name in the form."""
        return SLIDERS[self.name]


@dataclass(frozen=True, slots=True)
class TimeBar:
    """Both sliders. Days are days of the zone, moments are told in UTC."""

    zone: str
    today: date
    days: Slider
    moments: Slider


def time_bar(span: Any, moment: Mapping[str, str]) -> TimeBar | None:
    """The sliders of a page about an account with this `timespan`; None where that could not be had."""
    if isinstance(span, Missing):
        return None
    today, first, last = (date.fromisoformat(span[name]) for name in ("today", "firstDay", "lastDay"))
    as_of, known_at = read_day(moment.get("asOf")), read_moment(moment.get("knownAt"))
    ends = _days(first), _days(last)
    at = _within(_days(as_of or today), *ends)
    field = as_of.isoformat() if as_of else ""
    days = Slider("asOf", *ends, 1, at, _days(today), field, moment.get("asOf", ""))
    since, now = (read_moment(span[name]) for name in ("firstKnownAt", "lastKnownAt"))
    assert since is not None and now is not None
    step = next((step for step in _STEPS if (now - since) <= timedelta(seconds=step * _MOST)), _STEPS[-1])
    low = -(-int(since.timestamp()) // step) * step + (0 if since.microsecond == 0 or step > 1 else 1)
    high = max(low + step, -(-int(now.timestamp()) // step) * step)
    at = high if known_at is None else _within(low + round((known_at.timestamp() - low) / step) * step, low, high)
    moments = Slider("knownAt", low, high, step, at, high, field_of(known_at), moment.get("knownAt", ""))
    return TimeBar(span["timezone"], today, days, moments)


def _days(day: date) -> int:
    return (day - _EPOCH_DAY).days


def _within(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def read_day(text: str | None) -> date | None:
    """The day of an address; None for none, and for what is none: the API says so."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def read_moment(text: str | None) -> datetime | None:
    """The moment of an address, or of a browser's field, which knows no zone and is labelled as UTC."""
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def field_of(at: datetime | None) -> str:
    """What a browser's field for date and time holds of a moment: whole seconds, in UTC."""
    return "" if at is None else at.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()


def moment_of(query: Mapping[str, str]) -> dict[str, str]:
    """As of which day, and as known when, an address or a form asks for a page."""
    given = {name: _moment_said(query, name) for name in MOMENT}
    known_at = given["knownAt"]
    if known_at and (at := read_moment(known_at)) is not None and not _has_zone(known_at):
        given["knownAt"] = f"{field_of(at)}Z"
    return {name: text for name, text in given.items() if text}


def is_form(query: Mapping[str, str]) -> bool:
    """Whether it was the form that asked, so that the page has another address."""
    return NOW in query or any(slider in query for slider in SLIDERS.values())


def _has_zone(text: str) -> bool:
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return at.tzinfo is not None


def _moment_said(query: Mapping[str, str], name: str) -> str:
    """What one axis asks for: now, what its field says if that was changed, or else its slider."""
    field, slider = query.get(name, "").strip(), SLIDERS[name]
    if query.get(NOW) == name:
        return ""
    if slider not in query:
        return field
    before = query.get(f"{name}{_BEFORE}", "")
    shown = field_of(read_moment(before)) if name == "knownAt" else before
    if _same(name, field, shown):
        return before if query[slider] == query.get(f"{slider}{_BEFORE}") else _of_slider(query, name)
    return field


def _same(name: str, field: str, shown: str) -> bool:
    """Whether the field says what it said: a browser may leave out seconds that are zero."""
    return field == shown or (name == "knownAt" and bool(field) and read_moment(field) == read_moment(shown))


def _of_slider(query: Mapping[str, str], name: str) -> str:
    """What a slider stands at; that of moments says now at its end."""
    slider = SLIDERS[name]
    try:
        value, high = int(query[slider]), int(query.get(f"{slider}High", "0"))
        if name == "asOf":
            return (_EPOCH_DAY + timedelta(days=value)).isoformat()
        return "" if value >= high else f"{field_of(datetime.fromtimestamp(value, UTC))}Z"
    except (ValueError, OverflowError, OSError):
        return ""
