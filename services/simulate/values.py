"""What a field of a story may be: text, date, instant, number, flag, mapping; all else is refused by its line."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from events.resources.base import EARLIEST, check_bounds
from services.simulate.yaml_lines import Mapping, ScenarioError


def typed(body: Mapping, key: str, wanted: str) -> Any:
    """The field's value, which must be what is wanted, a name of `_TYPES`. Raises: ScenarioError."""
    try:
        return _TYPES[wanted](body[key])
    except (ValueError, TypeError) as error:
        raise ScenarioError(body.line_of(key), key, str(error)) from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value


def _date(value: Any) -> date:
    try:
        day = date.fromisoformat(_text(value))
    except ValueError as error:
        raise ValueError("must be a date, YYYY-MM-DD") from error
    return check_bounds(day)


def _bill_date(value: Any) -> date:
    """The wire asks for a bill by the last day before it, which must be one of its days, too."""
    day = _date(value)
    if day == EARLIEST:
        raise ValueError(f"must be after {EARLIEST}: a bill is of the days before its date")
    return day


def _instant(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError as error:
        raise ValueError("must be an ISO-8601 instant") from error
    check_bounds(moment.date())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _wire_instant(value: Any) -> datetime:
    """What the wire carries has its offset; what only the story says (`repeat.until`) is UTC without one."""
    moment = _instant(value)
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError("must be an ISO-8601 instant with an offset or Z")
    return moment


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
    """Fields of text; a whole number is one too."""
    for name, one in _mapping(value).items():
        if isinstance(one, bool) or not isinstance(one, str | int):
            raise TypeError(f"{name} must be text (put it in quotes)")
    return {name: str(one) for name, one in value.items()}


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
