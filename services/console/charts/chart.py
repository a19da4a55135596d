"""What a chart is: the same value drawn wide, drawn narrow, and as tables; and the form of the words on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

#: What the cells of a column hold: a `date`, a `Decimal` of money or of anything else, an `int`, or a text; None where
#: there is nothing to tell.
CellKind = Literal["day", "month", "money", "number", "count", "text"]
#: A value by the API's names, as its JSON was read: amounts exact, days as `date` or as text.
Answer = Any


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: CellKind


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers behind a chart; the page gives them their form, by the kind of their column."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class DrawnChart:
    """`wide` and `narrow` are whole `<svg>` elements of one picture, for a page to show one of; `tables` what they
    show; `told` what is to be expected, in words: a sentence for each forecast."""

    wide: str
    narrow: str
    tables: tuple[Table, ...]
    told: tuple[str, ...] = ()


class Form(Protocol):
    """How a page writes what stands on a chart."""

    def money(self, amount: Decimal) -> str: ...
    def number(self, amount: Decimal) -> str: ...
    def day(self, day: date) -> str: ...
    def month(self, day: date) -> str: ...


class Plain:
    """The form where a page has none of its own: as JSON writes it."""

    def __init__(self, currency: str = "") -> None:
        self._currency = currency

    def money(self, amount: Decimal) -> str:
        """With its currency, if that is told."""
        return f"{self.number(amount)} {self._currency}".rstrip()

    def number(self, amount: Decimal) -> str:
        """Without an exponent."""
        return f"{amount:,f}"

    def day(self, day: date) -> str:
        """ISO 8601."""
        return day.isoformat()

    def month(self, day: date) -> str:
        """ISO 8601."""
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
#: For a phone: about as many units as its window has, so that letters keep their size.
NARROW = Size(360, 260, 70, 10, 24, 34)


def day_of(value: Any) -> date:
    """A day of an answer."""
    return value if isinstance(value, date) else date.fromisoformat(value)


def amount_of(value: Any) -> Decimal:
    """An amount of an answer."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def sentences(parts: Sequence[str]) -> str:
    """What a screen reader says of a chart."""
    return " ".join(part for part in parts if part)
