"""The cumulative charge C(units) of pricing bands, its breakdown and its inverse (rules 3.2, 3.3, 3.9, 5.6).

A band starts just above its lower limit, so C(0) = 0. Tiered prices (cumulative) charge each slice of units at its own
band, volume prices charge all units at the band reached; stairstep and per-unit prices are special cases of these two.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import NamedTuple

from events.resources.catalog import PricingBand

ZERO = Fraction(0)


class BandUse(NamedTuple):
    """The contribution of one band to a charge: `units` in the band, their price, and the band's fixed price if it was
    entered.
    """

    band_id: str | None
    lower_limit: Fraction
    unit_price: Fraction
    fixed_price: Fraction
    units: Fraction
    amount: Fraction


class Line(NamedTuple):
    """C on one band, exact, as (offset + slope x units) / denominator, because whole numbers are faster than
    fractions.
    """

    offset: int
    slope: int
    denominator: int


@dataclass(frozen=True, slots=True)
class Price:
    """Bands sorted by lower limit (the first is 0); `entered[i]` is C at band i's lower limit, for tiered prices.

    `lines` is C below zero and then on each band, `edges` are the lower limits times `scale`, as whole numbers.
    """

    cumulative: bool
    ids: tuple[str | None, ...]
    lowers: tuple[Fraction, ...]
    fixed: tuple[Fraction, ...]
    unit: tuple[Fraction, ...]
    entered: tuple[Fraction, ...]
    lines: tuple[Line, ...]
    edges: tuple[int, ...]
    scale: int

    def charge(self, units: Fraction) -> Fraction:
        """C(units), unrounded. Below zero, units are credited at the first band's unit price."""
        return Fraction(*self.ratio(units))

    def ratio(self, units: Fraction) -> tuple[int, int]:
        """C(units) as a numerator and a positive denominator, not in lowest terms: the rounding that follows does not
        need them.
        """
        numerator, denominator = units.as_integer_ratio()
        # Limits are whole here, so a limit below units is also below the next whole number.
        band = bisect_left(self.edges, -(-numerator * self.scale // denominator)) if numerator > 0 else 0
        offset, slope, below = self.lines[band]
        return offset * denominator + slope * numerator, below * denominator

    def breakdown(self, units: Fraction) -> list[BandUse]:
        """The bands that make up C(units); their amounts sum to it."""
        if units <= 0:
            return [BandUse(self.ids[0], ZERO, self.unit[0], ZERO, units, units * self.unit[0])] if units else []
        reached = bisect_left(self.lowers, units) - 1
        if not self.cumulative:
            return [self._use(reached, units)]
        tops = [*self.lowers[1 : reached + 1], units]
        return [self._use(band, tops[band] - self.lowers[band]) for band in range(reached + 1)]

    def _use(self, band: int, units: Fraction) -> BandUse:
        unit, fixed = self.unit[band], self.fixed[band]
        return BandUse(self.ids[band], self.lowers[band], unit, fixed, units, fixed + units * unit)

    def affordable(self, amount: Fraction, most: Fraction) -> Fraction:
        """The largest quantity up to `most` whose C does not exceed the amount; for tiered prices.

        If the amount ends inside the jump of a fixed price, it is the band's lower limit. Below zero the first band's
        unit price continues.
        """
        if amount < 0 and self.unit[0]:
            return min(amount / self.unit[0], most)
        uppers: tuple[Fraction | None, ...] = (*self.lowers[1:], None)
        for band, upper in enumerate(uppers):
            rest = amount - self.entered[band] - self.fixed[band]
            if rest < 0:
                return min(self.lowers[band], most)
            if self.unit[band]:
                quantity = self.lowers[band] + rest / self.unit[band]
                if upper is None or quantity < upper:
                    return min(quantity, most)
        return most


def price_of(bands: Iterable[PricingBand], *, cumulative: bool) -> Price:
    """The price of bands in any order."""
    ordered = sorted(bands, key=lambda band: band.lower_limit)
    lowers = tuple(Fraction(band.lower_limit) for band in ordered)
    fixed = tuple(Fraction(band.fixed_price) for band in ordered)
    unit = tuple(Fraction(band.unit_price) for band in ordered)
    entered = [ZERO]
    for index, (lower, upper) in enumerate(pairwise(lowers)):
        entered.append(entered[-1] + fixed[index] + (upper - lower) * unit[index])
    if cumulative:
        offsets = [c + once - lower * each for c, once, lower, each in zip(entered, fixed, lowers, unit, strict=True)]
    else:
        offsets = list(fixed)
    lines = (_line(ZERO, unit[0]), *(_line(offset, each) for offset, each in zip(offsets, unit, strict=True)))
    scale = lcm(*(lower.denominator for lower in lowers))
    edges = tuple(int(lower * scale) for lower in lowers)
    return Price(
        cumulative, tuple(band.id for band in ordered), lowers, fixed, unit, tuple(entered), lines, edges, scale
    )


def _line(offset: Fraction, slope: Fraction) -> Line:
    denominator = lcm(offset.denominator, slope.denominator)
    return Line(int(offset * denominator), int(slope * denominator), denominator)
