"""The service day and the moment as of which a page is shown: two sliders, each with a field beside it.

Without a script a form sends everything: the sliders, the fields, and the values of both when the page was made. What
differs from those was moved by the visitor. The answer redirects to the page's address, which holds the day and the
moment, and nothing else. A slider counts days, or seconds, since 1970.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from events.dates import EPOCH
from services.console.asking import Missing

#: The name of each axis's slider; and the suffix of the names for values at the page's making.
SLIDERS = {"asOf": "asOfSlider", "knownAt": "knownAtSlider"}
_BEFORE = "Before"
#: The name of the buttons that lead back to now; a button's value is its axis.
NOW = "now"
#: The parameters for the day and the moment, in addresses and in the API.
MOMENT = tuple(SLIDERS)
_EPOCH_DAY = EPOCH.date()
#: Possible steps of the slider of moments, in seconds, and the most steps it may have: the shortest possible step is
#: used.
_STEPS, _MOST = (1, 5, 15, 60, 300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400), 1_500


@dataclass(frozen=True, slots=True)
class Slider:
    """A slider from `low` to `high`, at `value`; `now` is its place for now. `exact`: the field's text, "" for now."""

    name: str
    low: int
    high: int
    step: int
    value: int
    now: int
    exact: str
    #: The parameter in the address, "" for now.
    in_address: str

    @property
    def slider(self) -> str:
        """The slider's name in the form."""
        return SLIDERS[self.name]


@dataclass(frozen=True, slots=True)
class TimeBar:
    """Both sliders. Days are days of the zone; moments are shown in UTC."""

    zone: str
    today: date
    days: Slider
    moments: Slider


def time_bar(span: Any, moment: Mapping[str, str]) -> TimeBar | None:
    """The sliders of a page about an account with this `timespan`; None if that is missing."""
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
    """The day in an address; None if there is none, or it is not a day: then the API reports it."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def read_moment(text: str | None) -> datetime | None:
    """The moment in an address, or in a browser's field, which has no zone and is labelled as UTC. In UTC; None also
    for a moment that lies outside the years 1 to 9999 there.
    """
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
        return at if at is None else at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def field_of(at: datetime | None) -> str:
    """The text of a browser's field for date and time: whole seconds, in UTC."""
    return "" if at is None else at.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()


def moment_of(query: Mapping[str, str]) -> dict[str, str]:
    """The day and the moment that an address or a form asks for, by parameter."""
    given = {name: _moment_said(query, name) for name in MOMENT}
    known_at = given["knownAt"]
    if known_at and (at := read_moment(known_at)) is not None and not _has_zone(known_at):
        given["knownAt"] = f"{field_of(at)}Z"
    return {name: text for name, text in given.items() if text}


def is_form(query: Mapping[str, str]) -> bool:
    """Whether the form was sent, so that the visitor must be redirected to the page's address."""
    return NOW in query or any(slider in query for slider in SLIDERS.values())


def _has_zone(text: str) -> bool:
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return at.tzinfo is not None


def _moment_said(query: Mapping[str, str], name: str) -> str:
    """The value of one axis: empty for now; the field's, if that was changed; else the slider's."""
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
    """Whether the field is unchanged: a browser may leave out seconds that are zero."""
    return field == shown or (name == "knownAt" and bool(field) and read_moment(field) == read_moment(shown))


def _of_slider(query: Mapping[str, str], name: str) -> str:
    """The value that a slider stands for; at its end the slider of moments means now."""
    slider = SLIDERS[name]
    try:
        value, high = int(query[slider]), int(query.get(f"{slider}High", "0"))
        if name == "asOf":
            return (_EPOCH_DAY + timedelta(days=value)).isoformat()
        return "" if value >= high else f"{field_of(datetime.fromtimestamp(value, UTC))}Z"
    except (ValueError, OverflowError, OSError):
        return ""
