"""The condition of a rule about events: parsed strictly and evaluated exactly, over the fields of one event.

whole    = either [ "?" whole ":" whole ]
either   = both { "OR" both }
both     = compared { "AND" compared }
compared = sum [ ("==" | "!=" | ">=" | "<=" | ">" | "<") sum ]
sum      = product { ("+" | "-") product }
product  = signed { ("*" | "/" | "%") signed }
signed   = { "+" | "-" } power
power    = primary [ "^" signed ]
primary  = number | text | "true" | "false" | "null" | constant | ("new." | "old.") field | "(" whole ")"
         | function "(" whole { "," whole } ")"

A missing field is null. Arithmetic over anything but numbers, and division by 0, give null; null equals null and is
neither more nor less than any value. A condition holds if its value is true. `? :` gives the first value if its
condition is true, else the second. Beside the functions of numbers (`functions.py`) there are `isnull(value, other)`,
which replaces null by the other value, and `IN(value, other, ...)`, which is true if the value equals any other.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from projections.alerts.functions import CONSTANTS, FUNCTIONS, POWER, Value, is_equal
from projections.tokens import Token, Tokens

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*)|(?P<sign>==|!=|>=|<=|[-+*/%^?:(),<>]))"
)


def _remainder(left: Fraction, right: Fraction) -> Fraction:
    """The remainder of a division with a whole quotient; it has the sign of the dividend."""
    return left - right * int(left / right)


_SIDES = ("new", "old")
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None, **CONSTANTS}
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_WORKED: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "%": _remainder,
}  # fmt: skip

_DIVIDING = (operator.truediv, _remainder)

Fields = Callable[[str], Value]
_Node = Callable[[Fields], Value]


class ConditionError(ValueError):
    """The text is not a condition; the message says where and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A parsed condition. `fields` are the event's fields in it, in order of their first use."""

    fields: tuple[str, ...]
    _root: _Node

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Whether the condition is true of an event, which has `new`, `old` or both: the resource as the wire
        shows it.
        """
        return self._root(lambda field: _value(event, field)) is True


@lru_cache(maxsize=4096)
def condition_of(text: str) -> Condition:
    """The condition in a text. Raises: ConditionError."""
    reader = _Reader(text)
    root = reader.whole(0)
    reader.end()
    return Condition(tuple(reader.fields), root)


def _value(event: Mapping[str, Any], field: str) -> Value:
    value: Any = event
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value
    try:
        return Fraction(value)
    except (TypeError, ValueError):
        return None if isinstance(value, Mapping | list | tuple) else str(value)


class _Reader(Tokens):
    """Parses the grammar above from left to right, each rule in a method of its name."""

    refusal, operands = ConditionError, "values"

    def __init__(self, text: str) -> None:
        super().__init__(text, _TOKEN)
        self.fields: dict[str, None] = {}

    def whole(self, depth: int) -> _Node:
        asked = self._either(depth)
        if not self.is_sign("?"):
            return asked
        self.take()
        one = self.whole(depth)
        self.expect(":")
        other = self.whole(depth)
        return lambda fields: one(fields) if asked(fields) is True else other(fields)

    def _either(self, depth: int) -> _Node:
        parts = self._joined("OR", self._both, depth)
        return parts[0] if len(parts) == 1 else lambda fields: any(part(fields) is True for part in parts)

    def _both(self, depth: int) -> _Node:
        parts = self._joined("AND", self._compared, depth)
        return parts[0] if len(parts) == 1 else lambda fields: all(part(fields) is True for part in parts)

    def _joined(self, word: str, part: Callable[[int], _Node], depth: int) -> list[_Node]:
        parts = [part(depth)]
        while self.token.kind == "name" and self.token.text == word:
            self.take()
            parts.append(part(depth))
        return parts

    def _compared(self, depth: int) -> _Node:
        left = self._sum(depth)
        if not self.is_sign(*_ORDERED, "==", "!="):
            return left
        sign, right = self.take().text, self._sum(depth)
        if sign in _ORDERED:
            return lambda fields: _is_ordered(_ORDERED[sign], left(fields), right(fields))
        return lambda fields: is_equal(left(fields), right(fields)) == (sign == "==")

    def _sum(self, depth: int) -> _Node:
        return self._chain("+-", self._product, depth)

    def _product(self, depth: int) -> _Node:
        return self._chain("*/%", self._signed, depth)

    def _chain(self, signs: str, part: Callable[[int], _Node], depth: int) -> _Node:
        worked = part(depth)
        while self.is_sign(*signs):
            worked = _both_numbers(_WORKED[self.take().text], worked, part(depth))
        return worked

    def _signed(self, depth: int) -> _Node:
        negative, raised = self.is_negated(), self._power(depth)
        return _both_numbers(operator.sub, lambda _: Fraction(0), raised) if negative else raised

    def _power(self, depth: int) -> _Node:
        base = self._primary(depth)
        if not self.is_sign("^"):
            return base
        self.take()
        exponent = self._signed(depth)
        return lambda fields: POWER([base(fields), exponent(fields)])

    def _primary(self, depth: int) -> _Node:
        if self.is_sign("("):
            inside = self.deeper(depth)
            self.take()
            inner = self.whole(inside)
            self.expect(")")
            return inner
        if self.token.kind == "name" and self.token.text in FUNCTIONS:
            return self._call(self.deeper(depth))
        self.count()
        if self.token.kind == "number":
            number = self.number()
            return lambda _: number
        value = self._value(self.token)
        self.take()
        return value

    def _call(self, depth: int) -> _Node:
        function = FUNCTIONS[self.token.text]
        values = self.arguments(function, self.whole, depth)
        return lambda fields: function.of([value(fields) for value in values])

    def _value(self, token: Token) -> _Node:
        if token.kind == "text":
            return lambda _: token.text[1:-1]
        if token.kind == "name" and token.text in _WORDS:
            return lambda _: _WORDS[token.text]
        side, _, field = token.text.partition(".")
        if token.kind == "name" and side in _SIDES and field:
            self.fields[token.text] = None
            return lambda fields: fields(token.text)
        wanted = "a number, a text, new.<field>, old.<field>, true, false, null or ("
        raise self.unexpected(f"{wanted}, or one of {', '.join((*FUNCTIONS, *CONSTANTS))},")


def _both_numbers(work: Callable[[Fraction, Fraction], Fraction], left: _Node, right: _Node) -> _Node:
    def worked(fields: Fields) -> Value:
        first, second = left(fields), right(fields)
        if not isinstance(first, Fraction) or not isinstance(second, Fraction):
            return None
        return None if work in _DIVIDING and not second else work(first, second)

    return worked


def _is_ordered(by: Callable[[Any, Any], bool], left: Value, right: Value) -> bool:
    is_same = isinstance(left, Fraction | str) and type(left) is type(right)
    return is_same and by(left, right)
