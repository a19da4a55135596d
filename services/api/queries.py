"""Query parameters of the list and search paths. Everything that is not understood is refused by name."""

from datetime import date
from typing import Any

from starlette.requests import Request

from events.resources.bounds import TEXT_MAX
from services.api.wire import day
from services.commitments.errors import InvalidField, shortened
from services.commitments.filters import Filter
from services.commitments.table import Kind
from services.store.listing import Condition

PAGE_SIZE_MAX = 100
#: Values of a list, as many as the largest page has resources.
VALUES_MAX = 200
#: Characters of a search: several terms, of which one may list ids.
SEARCH_MAX = 10_000
_PAGING = ("pageSize", "nextToken")


def parameters_of(request: Request, known: tuple[str, ...]) -> dict[str, list[str]]:
    """The query's parameters with all their values. Raises: InvalidField for one that the path does not know."""
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            rule = f"is not a parameter here; there are: {', '.join(known) or 'none'}"
            raise InvalidField(field=shortened(name), rule=rule)
        if "\0" in value:
            raise InvalidField(field=name, rule="must not contain the character NUL")
        found.setdefault(name, []).append(value)
    return found


def one(found: dict[str, list[str]], name: str, most: int = TEXT_MAX) -> str | None:
    """The parameter's value. Raises: InvalidField if it is given twice, or is longer than `most`."""
    values = found.get(name, [])
    if len(values) > 1:
        raise InvalidField(field=name, rule="must be given once")
    return check_length(values[0], name, most) if values else None


def several(found: dict[str, list[str]], name: str) -> list[str]:
    """The parameter's values, joined by commas or given several times. Raises: InvalidField."""
    values = [part for text in found.get(name, []) for part in text.split(",") if part]
    if len(values) > VALUES_MAX:
        raise InvalidField(field=name, rule=f"must have at most {VALUES_MAX} values")
    return [check_length(value, name) for value in values]


def check_length(text: str, name: str, most: int = TEXT_MAX) -> str:
    """The text. Raises: InvalidField if it is longer than `most`."""
    if len(text) > most:
        raise InvalidField(field=name, rule=f"must have at most {most} characters")
    return text


def whole_number(found: dict[str, list[str]], name: str, default: int, low: int, high: int) -> int:
    """Raises: InvalidField unless it is a whole number from `low` to `high`."""
    text = one(found, name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or not low <= int(text) <= high:
        raise InvalidField(field=name, rule=f"must be a whole number from {low} to {high}")
    return int(text)


def list_query(request: Request, kind: Kind) -> tuple[list[Condition], int, str | None]:
    """Conditions, page size and token of a list request. Raises: InvalidField."""
    by_name = {filter.parameter: filter for filter in kind.filters}
    found = parameters_of(request, (*by_name, *_PAGING))
    lifted = {by_name[name].lifts for name in found if name in by_name and _value(by_name[name], found) is True}
    conditions = []
    for name, filter in by_name.items():
        if name not in found or name in lifted or filter.takes == "flag":
            continue
        if filter.needs is not None and filter.needs not in found:
            raise InvalidField(field=name, rule=f"needs {filter.needs} with it")
        conditions.append(Condition(filter.condition, _value(filter, found)))
    return conditions, whole_number(found, "pageSize", PAGE_SIZE_MAX, 1, kind.page_size_max), one(found, "nextToken")


def _value(filter: Filter, found: dict[str, list[str]]) -> Any:
    name = filter.parameter
    if filter.takes == "texts":
        return several(found, name)
    text = one(found, name)
    assert text is not None
    if filter.takes == "flag":
        return true_or_false(text, name)
    return _day_text(day(text, name)) if filter.takes == "day" else text


def _day_text(value: date) -> str:
    return value.isoformat()


def flag(request: Request, name: str) -> bool:
    """A parameter `true` or `false`, false when absent; no other parameter is known. Raises: InvalidField."""
    return true_or_false(one(parameters_of(request, (name,)), name), name)


def true_or_false(text: str | None, name: str) -> bool:
    """The parameter's value, false when absent. Raises: InvalidField."""
    if text not in (None, "true", "false"):
        raise InvalidField(field=name, rule="must be true or false")
    return text == "true"
