"""The place of a value on a drawing, and the values that an axis names. The arithmetic is exact, so a drawing is the
same text on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from `low` to `high` to places from `start` to `stop`, where `stop` may be the smaller place."""

    low: Decimal
    high: Decimal
    start: int
    stop: int

    def at(self, value: Decimal | int) -> str:
        """The place of a value, to a tenth of a unit; the start if all values are equal."""
        span = Fraction(self.high) - Fraction(self.low)
        share = (Fraction(value) - Fraction(self.low)) / span if span else Fraction(0)
        tenths = round((self.start + share * (self.stop - self.start)) * 10)
        return shown_tenths(tenths)


def shown_tenths(tenths: int) -> str:
    """A number of tenths as a number, without a point if it is whole."""
    sign, (whole, rest) = ("-" if tenths < 0 else ""), divmod(abs(tenths), 10)
    return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"


def step_of(span: Decimal, most: int, least: Decimal) -> Decimal:
    """The smallest of 1, 2, 5, 10, 20, ... (times a power of ten) that divides the span into at most this many
    parts.
    """
    if span <= 0:
        return least
    base = Decimal(1).scaleb((span / most).adjusted())
    return max(least, next(base * step for step in (*_STEPS, 20) if base * step * most >= span))


def ticks(values: Sequence[Decimal], least: Decimal, most: int = 4) -> list[Decimal]:
    """The values that an axis names: from at or below the least to at or above the greatest, zero among them, and at
    least `least` apart (the currency's minor unit).
    """
    low, high = min(*values, Decimal(0)), max(*values, Decimal(0))
    step = step_of(high - low, most, least)
    first = int((low / step).to_integral_value(ROUND_FLOOR))
    last = max(first + 1, int((high / step).to_integral_value(ROUND_CEILING)))
    return [number * step for number in range(first, last + 1)]


def day_ticks(first: date, last: date, most: int) -> list[date]:
    """Evenly spaced days that an axis names: always the first, and the last if there is more than one day."""
    days = (last - first).days
    parts = min(most - 1, days)
    if parts <= 0:
        return [first]
    return [first + timedelta(days=days * part // parts) for part in range(parts + 1)]
