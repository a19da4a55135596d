"""The functions and constants of a condition: m3ter's, evaluated exactly.

A function of anything but numbers gives null. Exponents must be whole, because other powers have no exact value. A
power that would be absurdly long is null as well.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from projections.tokens import Function

Value = Fraction | str | bool | None
Work = Callable[[Sequence[Value]], Value]

#: Most bits of a power's base times its exponent: no count has more than 1,200 digits.
_BITS_MAX = 4_096
#: Most digits before or behind the point that rounding accepts.
_SCALE_MAX = 36
_HALF = Fraction(1, 2)


def is_equal(left: Value, right: Value) -> bool:
    """Whether both values are equal and of the same kind."""
    return type(left) is type(right) and left == right


def of_numbers(work: Callable[[Sequence[Fraction]], Fraction | None]) -> Work:
    """A function that gives null unless all its values are numbers."""

    def worked(values: Sequence[Value]) -> Value:
        numbers = [value for value in values if isinstance(value, Fraction)]
        return work(numbers) if len(numbers) == len(values) else None

    return worked


def _power(values: Sequence[Fraction]) -> Fraction | None:
    base, exponent = values
    bits = base.numerator.bit_length() + base.denominator.bit_length()
    # Powers of 0, 1 and -1 stay short, whatever the exponent.
    is_too_long = abs(base) not in (0, 1) and bits * abs(exponent) > _BITS_MAX
    if exponent.denominator != 1 or is_too_long or (not base and exponent < 0):
        return None
    return base**exponent.numerator


def _scaled(whole: Callable[[Fraction], int]) -> Work:
    """A function that rounds to a number of digits behind the point, before it if the second value is negative; without
    a second value to a whole number.
    """

    def scaled(values: Sequence[Fraction]) -> Fraction | None:
        scale = values[1] if len(values) == 2 else Fraction(0)
        if scale.denominator != 1 or abs(scale) > _SCALE_MAX:
            return None
        unit = Fraction(10) ** -scale.numerator
        return whole(values[0] / unit) * unit

    return of_numbers(scaled)


#: The first number raised to the power of the second.
POWER = of_numbers(_power)
#: By m3ter's names.
FUNCTIONS: dict[str, Function[Value]] = {
    "Math.max": Function(2, None, of_numbers(max)),
    "Math.min": Function(2, None, of_numbers(min)),
    "Math.abs": Function(1, 1, of_numbers(lambda values: abs(values[0]))),
    "Math.floor": Function(1, 2, _scaled(math.floor)),
    "Math.ceil": Function(1, 2, _scaled(math.ceil)),
    "Math.round": Function(1, 2, _scaled(lambda value: math.floor(value + _HALF))),
    "Math.pow": Function(2, 2, POWER),
    "isnull": Function(2, 2, lambda values: values[1] if values[0] is None else values[0]),
    "IN": Function(2, None, lambda values: any(is_equal(values[0], other) for other in values[1:])),
}
#: Pi to thirty digits, and a text.
CONSTANTS: dict[str, Value] = {
    "Math.PI": Fraction("3.14159265358979323846264338328"),
    "DateTime.TS_FMT": "yyyy-MM-dd'T'HH:mm:ss.SSSX",
}
