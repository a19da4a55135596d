"""Query parameters of the list and search paths. Everything that is not understood is refused by name."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from starlette.requests import Request

from events.resources.bounds import TEXT_MAX
from services.api.wire import day
from services.commands.errors import InvalidField, shortened
from services.commands.filters import Filter
from services.commands.table import Kind
from services.store.filtering import condition_of
from services.store.listing import Condition

PAGE_SIZE_MAX = 100
#: Values of a list, as many as the largest page has resources.
VALUES_MAX = 200
#: Characters of a search: several terms, of which one may list ids.
SEARCH_MAX = 10_000
PAGING = ("pageSize", "nextToken")
#: Values of a parameter that is a truth.
FLAG = ("true", "false")


def takes(*names: str, **choices: Sequence[str]) -> dict[str, Any]:
    """The query parameters of a route, as its `openapi_extra`; those of `choices` with all the values they may have."""
    schemas: dict[str, dict[str, Any]] = {name: {"type": "string"} for name in names}
    schemas |= {name: {"type": "string", "enum": list(values)} for name, values in choices.items()}
    return {"parameters": [{"name": name, "in": "query", "schema": schema} for name, schema in schemas.items()]}


async def check_parameters(request: Request) -> None:
    """For every request about an organization: what its query says is known to its route (`takes`).

    What looks whether the process lives may ask as it likes. Raises: InvalidField.
    """
    if "organization" not in request.path_params:
        return
    declared = (request.scope["route"].openapi_extra or {}).get("parameters", [])
    known = {parameter["name"]: parameter["schema"].get("enum") for parameter in declared}
    for name, value in request.query_params.multi_items():
        if name not in known:
            rule = f"is not a parameter here; there are: {', '.join(known) or 'none'}"
            raise InvalidField(field=shortened(name), rule=rule)
        if "\0" in value:
            raise InvalidField(field=name, rule="must not contain the character NUL")
        if known[name] and value not in known[name]:
            raise InvalidField(field=name, rule=choice_rule(known[name]))


def choice_rule(values: Sequence[str]) -> str:
    """How a value that is none of these is refused."""
    return "must be true or false" if tuple(values) == FLAG else f"must be one of {', '.join(values)}"


def parameters_of(request: Request) -> dict[str, list[str]]:
    """The query's parameters with all their values."""
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
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


def list_parameters(kind: Kind) -> dict[str, Any]:
    """The parameters of the list of a kind."""
    flags = {filter.parameter: FLAG for filter in kind.filters if filter.takes == "flag"}
    return takes(*(filter.parameter for filter in kind.filters), *PAGING, **flags)


def list_conditions(found: dict[str, list[str]], kind: Kind) -> list[Condition]:
    """What the filters of a list request ask for. Raises: InvalidField."""
    by_name = {filter.parameter: filter for filter in kind.filters}
    lifted = {by_name[name].lifts for name in found if name in by_name and _value(by_name[name], found) is True}
    conditions = []
    for name, filter in by_name.items():
        if name not in found or name in lifted or filter.test is None:
            continue
        if filter.needs is not None and filter.needs not in found:
            raise InvalidField(field=name, rule=f"needs {filter.needs} with it")
        conditions.append(condition_of(filter.test, _value(filter, found)))
    return conditions


def _value(filter: Filter, found: dict[str, list[str]]) -> Any:
    name = filter.parameter
    if filter.takes == "texts":
        return several(found, name)
    if filter.takes == "flag":
        return is_true(found, name)
    text = one(found, name)
    assert text is not None
    return _day_text(day(text, name)) if filter.takes == "day" else text


def _day_text(value: date) -> str:
    return value.isoformat()


def is_true(found: dict[str, list[str]], name: str) -> bool:
    """Whether a parameter that is a FLAG is given and true. Raises: InvalidField if it is given twice."""
    return one(found, name) == "true"
