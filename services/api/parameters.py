"""Query parameters: each is declared once, by an object that reads it for a handler and describes it in OpenAPI.

Unknown parameters are refused by name.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from starlette.requests import Request

from events.resources.bounds import NO_NUL, TEXT_MAX
from services.api.wire import day, instant, unescaped
from services.commands.refused import InvalidField, shortened

T = TypeVar("T")
#: A query's parameters with all their values.
Query = dict[str, list[str]]
#: Most values of a list: as many as the largest page has resources.
VALUES_MAX = 200
#: Values of a boolean parameter.
FLAG = ("true", "false")


class Reader(ABC, Generic[T]):
    """Reads one or several parameters. An instance is a dependency: `Annotated[T, Depends(reader)]`."""

    #: OpenAPI's schemas, by the parameters' names.
    schemas: dict[str, dict[str, Any]]

    @abstractmethod
    def read(self, query: Query) -> T:
        """The value in the query. Raises: InvalidField."""

    async def __call__(self, request: Request) -> T:
        return self.read(parameters_of(request))


class Text(Reader[str | None]):
    """A text, given at most once."""

    def __init__(self, name: str, **schema: Any) -> None:
        self.name = name
        self.schemas = {name: text_schema(**schema)}

    def read(self, query: Query) -> str | None:
        return value_of(query, self.name)


class Choice(Text):
    """One of a few texts; `check_parameters` refuses any other."""

    def __init__(self, name: str, values: Sequence[str]) -> None:
        super().__init__(name)
        self.schemas = {name: {"type": "string", "enum": list(values)}}


class Flag(Reader[bool]):
    """A boolean; false by default."""

    def __init__(self, name: str) -> None:
        self.name, self.schemas = name, {name: {"type": "boolean"}}

    def read(self, query: Query) -> bool:
        return is_true(query, self.name)


class Texts(Reader[list[str]]):
    """Several texts, joined by commas or given several times."""

    def __init__(self, name: str) -> None:
        self.name, self.schemas = name, {name: texts_schema()}

    def read(self, query: Query) -> list[str]:
        return values_of(query, self.name)


class Day(Reader[date | None]):
    """A day; `blank`: an empty text counts as none."""

    def __init__(self, name: str, *, blank: bool = False) -> None:
        self.name, self.blank, self.schemas = name, blank, {name: day_schema()}

    def read(self, query: Query) -> date | None:
        text = value_of(query, self.name)
        return None if text is None or (self.blank and not text) else day(text, self.name)


class Instant(Reader[datetime | None]):
    """A date-time with an offset."""

    def __init__(self, name: str) -> None:
        self.name, self.schemas = name, {name: {"type": "string", "format": "date-time"}}

    def read(self, query: Query) -> datetime | None:
        text = value_of(query, self.name)
        return None if text is None else instant({self.name: unescaped(text)}, self.name)


class Whole(Reader[int]):
    """A whole number from `low` to `high`."""

    def __init__(self, name: str, default: int, low: int, high: int) -> None:
        self.name, self.default, self.low, self.high = name, default, low, high
        self.schemas = {name: {"type": "integer", "minimum": low, "maximum": high, "default": default}}

    def read(self, query: Query) -> int:
        return whole_number(query, self.name, self.default, self.low, self.high)


class WholeIfGiven(Reader[int | None]):
    """A whole number from `low` to `high`; None if the query does not have it."""

    def __init__(self, name: str, low: int, high: int) -> None:
        self.name, self.low, self.high = name, low, high
        self.schemas = {name: {"type": "integer", "minimum": low, "maximum": high}}

    def read(self, query: Query) -> int | None:
        return None if value_of(query, self.name) is None else whole_number(query, self.name, 0, self.low, self.high)


def text_schema(most: int = TEXT_MAX, **more: Any) -> dict[str, Any]:
    """OpenAPI's schema of a text."""
    return {"type": "string", "maxLength": most, **more}


def texts_schema() -> dict[str, Any]:
    """OpenAPI's schema of several texts."""
    return {"type": "array", "items": text_schema(), "maxItems": VALUES_MAX}


def day_schema() -> dict[str, Any]:
    """OpenAPI's schema of a day."""
    return {"type": "string", "format": "date"}


def declared(schemas: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The parameters in OpenAPI's form; the description of a schema becomes the parameter's."""
    return [_declared(name, dict(schema)) for name, schema in schemas.items()]


def _declared(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    words = {"description": schema.pop("description")} if "description" in schema else {}
    return {"name": name, "in": "query", "required": False, **words, "schema": schema}


async def check_parameters(request: Request) -> None:
    """For every request about an organization: its route must know all its parameters. Raises: InvalidField."""
    extra: dict[str, Any] = request.scope["route"].openapi_extra or {}
    accepted = {parameter["name"]: _values(parameter["schema"]) for parameter in extra.get("parameters", ())}
    for name, value in request.query_params.multi_items():
        if name not in accepted:
            rule = f"is not a parameter here; there are: {', '.join(accepted) or 'none'}"
            raise InvalidField(field=shortened(name), rule=rule)
        check_no_nul(value, name)
        if accepted[name] and value not in accepted[name]:
            raise InvalidField(field=name, rule=choice_rule(accepted[name]))


def _values(schema: dict[str, Any]) -> Sequence[str]:
    """All values of a parameter, if they are few."""
    return FLAG if schema["type"] == "boolean" else schema.get("enum", ())


def choice_rule(values: Sequence[str]) -> str:
    """The message for any other value."""
    return "must be true or false" if tuple(values) == FLAG else f"must be one of {', '.join(values)}"


def parameters_of(request: Request) -> Query:
    """The query's parameters with all their values."""
    query: Query = {}
    for name, value in request.query_params.multi_items():
        query.setdefault(name, []).append(value)
    return query


def value_of(query: Query, name: str, most: int = TEXT_MAX) -> str | None:
    """The parameter's value. Raises: InvalidField if it is given twice, or is longer than `most`."""
    values = query.get(name, [])
    if len(values) > 1:
        raise InvalidField(field=name, rule="must be given once")
    return check_length(values[0], name, most) if values else None


def values_of(query: Query, name: str) -> list[str]:
    """The parameter's values, joined by commas or given several times. Raises: InvalidField."""
    values = [part for text in query.get(name, []) for part in text.split(",") if part]
    if len(values) > VALUES_MAX:
        raise InvalidField(field=name, rule=f"must have at most {VALUES_MAX} values")
    return [check_length(value, name) for value in values]


def check_length(text: str, name: str, most: int = TEXT_MAX) -> str:
    """The text. Raises: InvalidField if it is longer than `most`."""
    if len(text) > most:
        raise InvalidField(field=name, rule=f"must have at most {most} characters")
    return text


def check_no_nul(text: str, name: str) -> None:
    """Check a text. Raises: InvalidField if it contains NUL."""
    if "\0" in text:
        raise InvalidField(field=name, rule=NO_NUL)


def whole_number(query: Query, name: str, default: int, low: int, high: int) -> int:
    """The parameter's value, or the default. Raises: InvalidField unless it is a whole number from `low` to `high`."""
    text = value_of(query, name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or not low <= int(text) <= high:
        raise InvalidField(field=name, rule=f"must be a whole number from {low} to {high}")
    return int(text)


def is_true(query: Query, name: str) -> bool:
    """Whether a FLAG parameter is given and true. Raises: InvalidField if it is given twice."""
    return value_of(query, name) == "true"
