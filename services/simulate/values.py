"""The types of fields in stories: text, date, instant, number, flag, mapping; other values are refused with their
line.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from events.dates import EARLIEST, instant_at, read_day, read_instant, read_moment
from services.simulate.yaml_lines import Mapping, ScenarioError


def typed(body: Mapping, key: str, wanted: str) -> Any:
    """The field's value, converted to the wanted type, a name of `_TYPES`. Raises: ScenarioError."""
    try:
        return _TYPES[wanted](body[key])
    except (ValueError, TypeError) as error:
        raise ScenarioError(body.line_of(key), key, str(error)) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value


def _date(value: Any) -> date:
    return read_day(_text(value))


def _bill_date(value: Any) -> date:
    """The date of a bill. The API takes the day before it, which must be a valid day, too."""
    day = _date(value)
    if day == EARLIEST:
        raise ValueError(f"must be after {EARLIEST}: a bill is of the days before its date")
    return day


def _instant(value: Any) -> datetime:
    """A moment that only the story has (`repeat.until`): a day stands for its midnight; without an offset it is in
    UTC.
    """
    return instant_at(read_moment(_text(value)))


def _wire_instant(value: Any) -> datetime:
    """A moment that is sent to the API: it needs an offset."""
    return read_instant(_text(value))


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("must be a number")
    return Decimal(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def _mapping(value: Any) -> Mapping:
    if not isinstance(value, Mapping):
        raise TypeError("must be a mapping")
    return value


def _texts(value: Any) -> dict[str, str]:
    """Fields of text; a whole number counts as text."""
    for name, text in _mapping(value).items():
        if isinstance(text, bool) or not isinstance(text, str | int):
            raise TypeError(f"{name} must be text (put it in quotes)")
    return {name: str(text) for name, text in value.items()}


_TYPES: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "date": _date,
    "bill date": _bill_date,
    "instant": _instant,
    "wire instant": _wire_instant,
    "number": _number,
    "flag": _flag,
    "mapping": _mapping,
    "texts": _texts,
}
