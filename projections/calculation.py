"""The formula of a compound aggregation: parsed strictly, evaluated exactly (rules 3.20).

sum     = product { ("+" | "-") product }
product = signed { ("*" | "/") signed }
signed  = { "+" | "-" } primary
primary = number | "aggregation." code | function "(" sum { "," sum } ")" | "(" sum ")"
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from projections.tokens import Function, Tokens

#: Largest value that makes sense as a quantity: 36 digits are more than any product of two sums of usage has.
VALUE_MAX = 10**36

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<sign>[-+*/(),]))"
)
_REFERENCE = "aggregation."
#: The form of a code that a formula can name.
REFERABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


#: By m3ter's names.
FUNCTIONS: dict[str, Function[Fraction]] = {
    "Math.max": Function(2, None, max),
    "Math.min": Function(2, None, min),
    "Math.abs": Function(1, 1, lambda values: abs(values[0])),
    "Math.floor": Function(1, 1, lambda values: Fraction(math.floor(values[0]))),
    "Math.ceil": Function(1, 1, lambda values: Fraction(math.ceil(values[0]))),
    "Math.round": Function(1, 1, lambda values: Fraction(math.floor(values[0] + Fraction(1, 2)))),
}

Values = Mapping[str, Fraction]
_Node = Callable[[Values], Fraction]


class CalculationError(ValueError):
    """The text is not a formula; the message says where and why."""


class UndefinedError(ArithmeticError):
    """The formula has no value for these values; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Calculation:
    """A parsed formula. `codes` are those of its aggregations, in order of their first use."""

    codes: tuple[str, ...]
    _root: _Node

    def value(self, values: Values) -> Fraction:
        """The formula's value for the values of its aggregations, by code. Raises: UndefinedError."""
        try:
            result = self._root(values)
        except ZeroDivisionError:
            raise UndefinedError("it divides by 0") from None
        if abs(result) >= VALUE_MAX:
            raise UndefinedError("its value has more than 36 digits before the point")
        return result


@lru_cache(maxsize=4096)
def calculation_of(text: str) -> Calculation:
    """The formula in a text. Raises: CalculationError."""
    reader = _Reader(text)
    root = reader.sum(0)
    reader.end()
    if not reader.codes:
        raise CalculationError("must name an aggregation: aggregation.<code>")
    return Calculation(tuple(reader.codes), root)


class _Reader(Tokens):
    """Parses the grammar above from left to right, each rule in a method of its name."""

    refusal, operands = CalculationError, "numbers and aggregations"

    def __init__(self, text: str) -> None:
        super().__init__(text, _TOKEN)
        self.codes: dict[str, None] = {}

    def sum(self, depth: int) -> _Node:
        return self._chain("+-", self._product, depth)

    def _product(self, depth: int) -> _Node:
        return self._chain("*/", self._signed, depth)

    def _chain(self, signs: str, part: Callable[[int], _Node], depth: int) -> _Node:
        first, rest = part(depth), list[tuple[Callable[[Fraction, Fraction], Fraction], _Node]]()
        while self.is_sign(*signs):
            rest.append((_OPERATIONS[self.take().text], part(depth)))

        def worked_out(values: Values) -> Fraction:
            result = first(values)
            for operation, operand in rest:
                result = operation(result, operand(values))
            return result

        return worked_out if rest else first

    def _signed(self, depth: int) -> _Node:
        negative, primary = self.is_negated(), self._primary(depth)
        return (lambda values: -primary(values)) if negative else primary

    def _primary(self, depth: int) -> _Node:
        token = self.token
        if token.kind == "number":
            return self._number()
        if token.kind == "name" and token.text.startswith(_REFERENCE) and token.text.count(".") == 1:
            return self._reference()
        if self.is_sign("("):
            return self._bracket(self.deeper(depth))
        if token.kind == "name":
            return self._call(self.deeper(depth))
        raise self.unexpected("a number, aggregation.<code>, a function or (")

    def _number(self) -> _Node:
        self.count()
        number = self.number()
        return lambda _: number

    def _reference(self) -> _Node:
        self.count()
        code = self.take().text.removeprefix(_REFERENCE)
        self.codes[code] = None
        return lambda values: values[code]

    def _call(self, depth: int) -> _Node:
        token = self.token
        function = FUNCTIONS.get(token.text)
        if function is None:
            known = ", ".join(FUNCTIONS)
            raise CalculationError(
                f"names {token.text} at character {token.character}; it may name aggregation.<code>, with letters,"
                f" digits and _ in the code, and {known}"
            )
        arguments = self.arguments(function, self.sum, depth)
        return lambda values: function.of([argument(values) for argument in arguments])

    def _bracket(self, depth: int) -> _Node:
        self.take()
        inner = self.sum(depth)
        self.expect(")")
        return inner
