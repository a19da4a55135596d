"""Turns a row of a file into a measurement: which column is which field, and what a cell means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from events.decimals import parse_decimal
from services.api.measurement import Measurement
from services.failures import ExpectedFailure, Worded

NUMBERS = ("measure", "cost", "income")
MAPS = (*NUMBERS, "who", "what", "where", "other", "metadata")
PLAIN = tuple(name for name in Measurement.model_fields if name not in MAPS)
_TIMES = ("ts", "ets")
#: Index of the sign between date and time of day. Spreadsheets and databases write a space there, ISO 8601 a T.
_BETWEEN = len("2026-01-01")


class UnknownFieldError(Worded, ExpectedFailure):
    """{field} is no field of usage: there are {plain}, and names in {maps}, such as measure.calls"""

    def __init__(self, field: str) -> None:
        super().__init__(field=repr(field), plain=", ".join(PLAIN), maps=", ".join(MAPS))


class UnmappedColumnError(Worded, ExpectedFailure):
    """column {column} is no field of usage: say which with --map {name}=FIELD, or leave it out with --map {name}="""

    def __init__(self, column: str) -> None:
        super().__init__(column=repr(column), name=column)


class RowError(ValueError):
    """A row is not a measurement. The message says what is wrong; the caller adds the line."""


def check_field(name: str) -> str:
    """Return `name` if it is a field, such as `account`, or one in a map, such as `measure.calls`.

    Raises: UnknownFieldError.
    """
    category, point, code = name.partition(".")
    if name not in PLAIN and not (category in MAPS and point and code):
        raise UnknownFieldError(name)
    return name


@dataclass(frozen=True, slots=True)
class Layout:
    """How columns map to fields. `columns`: the field of each column whose name is not the field's, or "" to leave the
    column out. `fixed`: values of fields for rows that do not give them."""

    columns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)

    def field_of(self, column: str) -> str:
        """The field of a column; "" if it is left out. Raises: UnmappedColumnError if it has none."""
        field = self.columns.get(column)
        if field is not None:
            return field
        try:
            return check_field(column)
        except UnknownFieldError:
            raise UnmappedColumnError(column) from None


def measurement_of(row: Mapping[str, Any], layout: Layout, uid: str) -> dict[str, Any]:
    """The measurement of a row, as a body for the API. `uid`: used if the row has none.

    Raises: RowError, UnmappedColumnError.
    """
    measurement: dict[str, Any] = {}
    for column, value in row.items():
        if column in MAPS and column not in layout.columns and isinstance(value, dict):
            for code, inner in value.items():
                _put(measurement, f"{column}.{code}", inner)
        elif name := layout.field_of(column):
            _put(measurement, name, value)
    for name, text in layout.fixed.items():
        category, _, code = name.partition(".")
        if name not in measurement and code not in measurement.get(category, {}):
            _put(measurement, name, text)
    return {"uid": uid} | measurement


def _put(measurement: dict[str, Any], name: str, value: Any) -> None:
    """Set a field of a measurement in the making; empty cells are left out. Raises: RowError."""
    if value is None or value == "":
        return
    category, point, code = name.partition(".")
    if not point:
        measurement[name] = _time(value) if name in _TIMES else value
    elif category in NUMBERS:
        measurement.setdefault(category, {})[code] = _number(name, value)
    else:
        measurement.setdefault(category, {})[code] = value


def _time(value: Any) -> Any:
    if isinstance(value, str) and value[_BETWEEN : _BETWEEN + 1] == " ":
        return f"{value[:_BETWEEN]}T{value[_BETWEEN + 1 :]}"
    return value


def _number(name: str, value: Any) -> Decimal:
    """The number in a cell. Raises: RowError."""
    try:
        return parse_decimal(value.strip() if isinstance(value, str) else value)
    except ValueError as error:
        raise RowError(f"{name}: {error}") from None
