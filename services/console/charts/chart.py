"""The parts of a chart: one picture drawn wide and narrow, its tables, and the format of its words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

#: The kinds of cells in a column: a `date`, a `Decimal` of money or of anything else, an `int`, or a text; None where
#: there is no value.
CellKind = Literal["day", "month", "money", "number", "count", "text"]
#: An answer of the API as its JSON was read: amounts exact, days as `date` or as text.
Answer = Any


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: CellKind


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a chart; the page formats them by the kind of their column."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class DrawnChart:
    """`wide` and `narrow` are whole `<svg>` elements of one picture, of which a page shows one; `tables` have the
    numbers; `told` the expectations in words, a sentence for each forecast.
    """

    wide: str
    narrow: str
    tables: tuple[Table, ...]
    told: tuple[str, ...] = ()


class Form(Protocol):
    """The format of amounts, numbers and days on a chart."""

    def money(self, amount: Decimal) -> str: ...
    def number(self, amount: Decimal) -> str: ...
    def day(self, day: date) -> str: ...
    def month(self, day: date) -> str: ...


class Plain:
    """The format if a page has none of its own: as JSON writes values."""

    def __init__(self, currency: str = "") -> None:
        self._currency = currency

    def money(self, amount: Decimal) -> str:
        """The amount with its currency, if that is known."""
        return f"{self.number(amount)} {self._currency}".rstrip()

    def number(self, amount: Decimal) -> str:
        """The number without an exponent, with groups of three digits."""
        return f"{amount:,f}"

    def day(self, day: date) -> str:
        """The day in ISO 8601."""
        return day.isoformat()

    def month(self, day: date) -> str:
        """The month in ISO 8601."""
        return f"{day:%Y-%m}"


class Size(NamedTuple):
    """A drawing's width and height, and the margins around its plot."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int


WIDE = Size(720, 300, 84, 16, 24, 34)
#: For a phone: about as many units as its window is wide, so that letters keep their size.
NARROW = Size(360, 260, 70, 10, 24, 34)


def day_of(value: Any) -> date:
    """A day of an answer as a date."""
    return value if isinstance(value, date) else date.fromisoformat(value)


def amount_of(value: Any) -> Decimal:
    """An amount of an answer as a Decimal."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def sentences(parts: Sequence[str]) -> str:
    """The parts as one text, for screen readers; empty parts are left out."""
    return " ".join(part for part in parts if part)
