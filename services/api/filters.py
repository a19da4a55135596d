"""Filters of the list paths: the SQL conditions of a query's parameters."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from services.api.parameters import Query, Reader, day_schema, is_true, text_schema, texts_schema, value_of, values_of
from services.api.wire import day
from services.commands.filters import (
    DrawsFor,
    Equals,
    EqualsOrLacks,
    Filter,
    HasCode,
    HasId,
    IsActive,
    IsOneOf,
    IsSwitched,
    NamesOneOf,
    OfAccount,
    OfPicklist,
    OnDay,
    Test,
    Through,
)
from services.commands.refused import InvalidField
from services.store.listing import SqlCondition, condition_of

_SCHEMAS = {"text": text_schema(), "day": day_schema(), "texts": texts_schema(), "flag": {"type": "boolean"}}
_COMPARED = {"=": "is", ">=": "is not before", "<": "is before"}


class Filters(Reader[list[SqlCondition]]):
    """The filters of a list."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self.filters = filters
        self.schemas = {
            filter.parameter: _SCHEMAS[filter.takes] | {"description": in_words(filter)} for filter in filters
        }

    def read(self, query: Query) -> list[SqlCondition]:
        return list_conditions(query, self.filters)


class Conditions(Reader[list[SqlCondition]]):
    """Conditions from parameters, each of which gives an SQL condition."""

    def __init__(self, filters: Mapping[Reader[Any], str]) -> None:
        self.filters = filters
        self.schemas = {name: schema for filter in filters for name, schema in filter.schemas.items()}

    def read(self, query: Query) -> list[SqlCondition]:
        given = self.schemas.keys() & query.keys()
        return [
            SqlCondition(sql, filter.read(query))
            for filter, sql in self.filters.items()
            if given & filter.schemas.keys()
        ]


def list_conditions(query: Query, filters: Sequence[Filter]) -> list[SqlCondition]:
    """The conditions of a list request. Raises: InvalidField."""
    by_name = {filter.parameter: filter for filter in filters}
    lifted = {by_name[name].lifts for name in query if name in by_name and _value(by_name[name], query) is True}
    conditions = []
    for name, filter in by_name.items():
        if name not in query or name in lifted or filter.test is None:
            continue
        if filter.needs is not None and filter.needs not in query:
            raise InvalidField(field=name, rule=f"needs {filter.needs} with it")
        conditions.append(condition_of(filter.test, _value(filter, query)))
    return conditions


def _value(filter: Filter, query: Query) -> Any:
    name = filter.parameter
    if filter.takes == "texts":
        return values_of(query, name)
    if filter.takes == "flag":
        return is_true(query, name)
    text = value_of(query, name)
    assert text is not None
    return day(text, name).isoformat() if filter.takes == "day" else text


def in_words(filter: Filter) -> str:
    """A filter's meaning in words."""
    if filter.test is None:
        return f"True: all, whatever `{filter.lifts}` says."
    return f"{_description(filter.test)}{f'; comes with `{filter.needs}`' if filter.needs else ''}."


def _flagged(test: OfPicklist | IsSwitched) -> str:
    if isinstance(test, OfPicklist):
        return "True: archived ones, too"
    return f"True: those that are `{test.field}`, as all are that do not say otherwise; false: the others"


def _description(test: Test) -> str:
    match test:
        case HasId():
            words = "Those with these ids"
        case HasCode():
            words = "Those whose `code` is one of these"
        case OfAccount():
            words = "Those whose `accountId` is this"
        case Equals(field):
            words = f"Those whose `{field}` is this"
        case IsOneOf(field) | NamesOneOf(field):
            words = f"Those whose `{field}` is one of these"
        case EqualsOrLacks(field):
            words = f"Those whose `{field}` is this; an empty text: those that have none"
        case OnDay(field, comparison):
            words = f"Those whose `{field}` {_COMPARED[comparison]} this day"
        case IsActive():
            words = "Those that hold on this day"
        case DrawsFor():
            words = "Those that may draw for this product"
        case OfPicklist() | IsSwitched():
            words = _flagged(test)
        case Through(_, kind, inner):
            words = _description(inner).replace("Those whose", f"Those whose {kind}'s")
        case _:
            assert_never(test)
    return words
