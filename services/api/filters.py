"""Filters of the list paths: the conditions that a query's parameters stand for."""

from collections.abc import Sequence
from typing import Any

from services.api.parameters import Found, Reader, day_schema, is_true, one, several, text_schema, texts_schema
from services.api.wire import day
from services.commands.errors import InvalidField
from services.commands.filters import Filter
from services.store.listing import Condition, condition_of

_SCHEMAS = {"text": text_schema(), "day": day_schema(), "texts": texts_schema(), "flag": {"type": "boolean"}}


class Filters(Reader[list[Condition]]):
    """What the filters of a list ask for."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self.filters = filters
        self.schemas = {filter.parameter: _SCHEMAS[filter.takes] for filter in filters}

    def read(self, found: Found) -> list[Condition]:
        return list_conditions(found, self.filters)


def list_conditions(found: Found, filters: Sequence[Filter]) -> list[Condition]:
    """What the filters of a list request ask for. Raises: InvalidField."""
    by_name = {filter.parameter: filter for filter in filters}
    lifted = {by_name[name].lifts for name in found if name in by_name and _value(by_name[name], found) is True}
    conditions = []
    for name, filter in by_name.items():
        if name not in found or name in lifted or filter.test is None:
            continue
        if filter.needs is not None and filter.needs not in found:
            raise InvalidField(field=name, rule=f"needs {filter.needs} with it")
        conditions.append(condition_of(filter.test, _value(filter, found)))
    return conditions


def _value(filter: Filter, found: Found) -> Any:
    name = filter.parameter
    if filter.takes == "texts":
        return several(found, name)
    if filter.takes == "flag":
        return is_true(found, name)
    text = one(found, name)
    assert text is not None
    return day(text, name).isoformat() if filter.takes == "day" else text
