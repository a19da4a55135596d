"""`projections.pricing.Price` in decimals: the same C, ten times faster, where every step of it is exact.

It is exact when quantities are divided by a number of twos and fives (1, 1000, 0.25 ...) and not rounded; whoever asks
for another aggregation gets None and uses fractions. A test holds the two equal.
"""

from bisect import bisect_left
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from events.decimals import EXACT
from projections.pricing import Price
from projections.rating.terms import PricingTerms, Series

_ZERO = Decimal(0)
_LEAST, _MOST = Decimal("-Infinity"), Decimal("Infinity")


class Line(NamedTuple):
    """A stretch of quantities `(lower, upper]` on which C is a line: each unit adds `slope`.

    `gains` remembers what numbers add, by their texts: usage mostly says the same few.
    """

    lower: Decimal
    upper: Decimal
    slope: Decimal
    gains: dict[str, str]


#: A line that holds no quantity.
NO_LINE = Line(_ZERO, _ZERO, _ZERO, {})


@dataclass(frozen=True, slots=True)
class DecimalPrice:
    """Bands as in `Price`; `per_unit` is 1 / quantityPerUnit. Use it within the context `events.decimals.EXACT`."""

    cumulative: bool
    per_unit: Decimal
    lowers: tuple[Decimal, ...]
    fixed: tuple[Decimal, ...]
    unit: tuple[Decimal, ...]
    entered: tuple[Decimal, ...]
    #: What is not above zero, and then each band.
    lines: tuple[Line, ...]

    def charge(self, quantity: Decimal) -> Decimal:
        """C of a quantity before it is divided by quantityPerUnit, unrounded."""
        units = quantity * self.per_unit
        if units <= 0:
            return units * self.unit[0]
        band = bisect_left(self.lowers, units) - 1
        if not self.cumulative:
            return self.fixed[band] + units * self.unit[band]
        return self.entered[band] + self.fixed[band] + (units - self.lowers[band]) * self.unit[band]

    def line(self, quantity: Decimal) -> Line:
        """The stretch around a quantity: its band, or all that is not above zero."""
        return self.lines[bisect_left(self.lowers, quantity * self.per_unit)]


def decimal_price(series: Series, pricing: PricingTerms) -> DecimalPrice | None:
    """The price of a plain sum; None where decimals would not be exact."""
    price: Price = pricing.price
    if series.function != "SUM" or series.rounding != "NONE":
        return None
    tables = (price.lowers, price.fixed, price.unit, price.entered)
    per_unit = 1 / series.quantity_per_unit
    if not all(_finite(number) for table in ((per_unit,), *tables) for number in table) or not _short(per_unit):
        return None
    lowers, fixed, unit, entered = (tuple(_decimal(number) for number in table) for table in tables)
    lines = _lines(price, series.quantity_per_unit)
    return DecimalPrice(price.cumulative, _decimal(per_unit), lowers, fixed, unit, entered, lines)


def _lines(price: Price, quantity_per_unit: Fraction) -> tuple[Line, ...]:
    limits = [_decimal(lower * quantity_per_unit) for lower in price.lowers]
    slopes = [_decimal(unit / quantity_per_unit) for unit in price.unit]
    bands = zip(limits, [*limits[1:], _MOST], slopes, strict=True)
    return (Line(_LEAST, limits[0], slopes[0], {}), *(Line(*band, {}) for band in bands))


def _finite(number: Fraction) -> bool:
    """Whether it has an end in decimal notation."""
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _short(per_unit: Fraction) -> bool:
    """Whether quantity x per unit x price stays below the 120 digits of EXACT, where an exception would be poison."""
    return per_unit.denominator <= 10**9 and per_unit.numerator <= 10**9


def _decimal(number: Fraction) -> Decimal:
    return EXACT.divide(Decimal(number.numerator), Decimal(number.denominator)) if number else _ZERO
