"""What a condition may call and name beside an event's fields: m3ter's functions and constants, worked out exactly.

What is worked out of anything but numbers is null. A power has a whole exponent, for no other one has an exact value,
and what would be too long to be meant is null, too.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from projections.tokens import Function

Value = Fraction | str | bool | None
Work = Callable[[Sequence[Value]], Value]

#: Bits of a number that is raised, times its exponent: what has more than 1,200 digits is nothing that is counted.
_BITS_MAX = 4_096
#: Digits before or behind the point to which something is rounded.
_SCALE_MAX = 36
_HALF = Fraction(1, 2)


def is_equal(left: Value, right: Value) -> bool:
    """Whether both are the same, of the same kind."""
    return type(left) is type(right) and left == right


def of_numbers(work: Callable[[Sequence[Fraction]], Fraction | None]) -> Work:
    """The work, of numbers alone."""

    def worked(values: Sequence[Value]) -> Value:
        numbers = [value for value in values if isinstance(value, Fraction)]
        return work(numbers) if len(numbers) == len(values) else None

    return worked


def _power(values: Sequence[Fraction]) -> Fraction | None:
    base, exponent = values
    bits = base.numerator.bit_length() + base.denominator.bit_length()
    # What 0, 1 and -1 become is as short as they are.
    is_too_long = abs(base) not in (0, 1) and bits * abs(exponent) > _BITS_MAX
    if exponent.denominator != 1 or is_too_long or (not base and exponent < 0):
        return None
    return base**exponent.numerator


def _scaled(whole: Callable[[Fraction], int]) -> Work:
    """Rounds to so many digits behind the point, or before it where the second value is negative; to none without."""

    def scaled(values: Sequence[Fraction]) -> Fraction | None:
        scale = values[1] if len(values) == 2 else Fraction(0)
        if scale.denominator != 1 or abs(scale) > _SCALE_MAX:
            return None
        unit = Fraction(10) ** -scale.numerator
        return whole(values[0] / unit) * unit

    return of_numbers(scaled)


#: The first number raised to the power of the second.
POWER = of_numbers(_power)
#: By the names that m3ter gives them.
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
