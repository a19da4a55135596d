"""The formula of a compound aggregation: read strictly, worked out exactly (rules 3.20).

sum     = product { ("+" | "-") product }
product = signed { ("*" | "/") signed }
signed  = { "+" | "-" } primary
primary = number | "aggregation." code | function "(" sum { "," sum } ")" | "(" sum ")"
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from events.decimals import parse_decimal

#: What a formula may have: numbers and references in all, and brackets within brackets.
OPERANDS_MAX, DEPTH_MAX = 100, 20
#: A value beyond this has no meaning as a quantity: 36 digits are more than any product of two sums of usage has.
VALUE_MAX = 10**36

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<sign>[-+*/(),]))"
)
_REFERENCE = "aggregation."
#: What a code must look like to be named in a formula.
REFERABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class _Function(NamedTuple):
    least: int
    most: int | None
    of: Callable[[Sequence[Fraction]], Fraction]


_FUNCTIONS = {
    "Math.max": _Function(2, None, max),
    "Math.min": _Function(2, None, min),
    "Math.abs": _Function(1, 1, lambda values: abs(values[0])),
    "Math.floor": _Function(1, 1, lambda values: Fraction(math.floor(values[0]))),
    "Math.ceil": _Function(1, 1, lambda values: Fraction(math.ceil(values[0]))),
    "Math.round": _Function(1, 1, lambda values: Fraction(math.floor(values[0] + Fraction(1, 2)))),
}

Values = Mapping[str, Fraction]
_Node = Callable[[Values], Fraction]


class CalculationError(ValueError):
    """The text is no formula; the message says where and why."""


class UndefinedError(ArithmeticError):
    """The formula has no value for these values; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Calculation:
    """A formula that was read. `codes` are those of the aggregations that it names, as they first stand in it."""

    codes: tuple[str, ...]
    _root: _Node

    def value(self, values: Values) -> Fraction:
        """Its value for the values of these aggregations, by code. Raises: UndefinedError."""
        try:
            result = self._root(values)
        except ZeroDivisionError:
            raise UndefinedError("it divides by 0") from None
        if abs(result) >= VALUE_MAX:
            raise UndefinedError("its value has more than 36 digits before the point")
        return result


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


@lru_cache(maxsize=4096)
def calculation_of(text: str) -> Calculation:
    """The formula that a text spells. Raises: CalculationError."""
    reader = _Reader(_tokens(text))
    root = reader.sum(0)
    reader.end()
    if not reader.codes:
        raise CalculationError("must name an aggregation: aggregation.<code>")
    return Calculation(tuple(reader.codes), root)


def _tokens(text: str) -> list[_Token]:
    tokens, place = list[_Token](), 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            raise CalculationError(f"must not have {text[place]!r} at character {place + 1}")
        assert match.lastgroup is not None
        tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1))
        place = match.end()
    tokens.append(_Token("end", "its end", len(text) + 1))
    return tokens


class _Reader:
    """Reads the grammar above from left to right, each rule a method of its name."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens, self._next, self._operands = tokens, 0, 0
        self.codes: dict[str, None] = {}

    def sum(self, depth: int) -> _Node:
        return self._chain("+-", self._product, depth)

    def end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected("an operator or its end")

    def _product(self, depth: int) -> _Node:
        return self._chain("*/", self._signed, depth)

    def _chain(self, signs: str, part: Callable[[int], _Node], depth: int) -> _Node:
        first, rest = part(depth), list[tuple[Callable[[Fraction, Fraction], Fraction], _Node]]()
        while self._token.text in tuple(signs):
            rest.append((_OPERATIONS[self._take().text], part(depth)))

        def worked_out(values: Values) -> Fraction:
            result = first(values)
            for operation, operand in rest:
                result = operation(result, operand(values))
            return result

        return worked_out if rest else first

    def _signed(self, depth: int) -> _Node:
        negative = False
        while self._token.text in ("+", "-"):
            negative ^= self._take().text == "-"
        primary = self._primary(depth)
        return (lambda values: -primary(values)) if negative else primary

    def _primary(self, depth: int) -> _Node:
        token = self._token
        if token.kind == "number":
            return self._number()
        if token.kind == "name" and token.text.startswith(_REFERENCE) and token.text.count(".") == 1:
            return self._reference()
        if token.kind == "name" or token.text == "(":
            if depth == DEPTH_MAX:
                raise CalculationError(f"must have at most {DEPTH_MAX} brackets within each other")
            return self._bracket(depth + 1) if token.text == "(" else self._call(depth + 1)
        raise self._unexpected("a number, aggregation.<code>, a function or (")

    def _number(self) -> _Node:
        self._count()
        token = self._take()
        try:
            number = Fraction(parse_decimal(token.text))
        except ValueError as error:
            raise CalculationError(f"has a number at character {token.place} that {error}") from None
        return lambda _: number

    def _reference(self) -> _Node:
        self._count()
        code = self._take().text.removeprefix(_REFERENCE)
        self.codes[code] = None
        return lambda values: values[code]

    def _call(self, depth: int) -> _Node:
        token = self._take()
        function = _FUNCTIONS.get(token.text)
        if function is None:
            known = ", ".join(_FUNCTIONS)
            raise CalculationError(
                f"names {token.text} at character {token.place}; it may name aggregation.<code>, with letters, digits"
                f" and _ in the code, and {known}"
            )
        self._expect("(")
        arguments = [self.sum(depth)]
        while self._token.text == ",":
            self._take()
            arguments.append(self.sum(depth))
        self._expect(")")
        if len(arguments) < function.least or (function.most is not None and len(arguments) > function.most):
            needed = "one value" if function.most == 1 else "two values or more"
            raise CalculationError(f"must give {token.text} at character {token.place} {needed}")
        return lambda values: function.of([argument(values) for argument in arguments])

    def _bracket(self, depth: int) -> _Node:
        self._take()
        inner = self.sum(depth)
        self._expect(")")
        return inner

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _expect(self, sign: str) -> None:
        if self._token.text != sign:
            raise self._unexpected(sign)
        self._take()

    def _count(self) -> None:
        self._operands += 1
        if self._operands > OPERANDS_MAX:
            raise CalculationError(f"must have at most {OPERANDS_MAX} numbers and aggregations")

    def _unexpected(self, wanted: str) -> CalculationError:
        token = self._token
        what = token.text if token.kind == "end" else repr(token.text)
        return CalculationError(f"has {what} at character {token.place}, where {wanted} is expected")
