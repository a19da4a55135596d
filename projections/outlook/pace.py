"""The pace of use: from the usage of the last 7, 30 and 90 days, with a band (rules 11.3 to 11.5).

All amounts are whole minor units, so no result depends on how a machine rounds.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, isqrt
from typing import NamedTuple

from events.decimals import EXACT
from projections.calendar import ONE_DAY
from projections.money import Rounding

#: The windows, in days.
WINDOWS = (7, 30, 90)
#: Standard deviations on each side of the mean.
BAND = 2
#: The use from now until the end of a day, by the number of days from now.
Use = Callable[[int], int]


class Pace(NamedTuple):
    """The use on the `days` of a window that lie in the term: the days' sum, and the sum of their squares."""

    window: int
    days: int
    total: int
    squares: int

    @property
    def mean(self) -> Fraction:
        """The mean use of a day; never negative, because corrections alone predict no usage."""
        return Fraction(max(self.total, 0), self.days)

    @property
    def variance(self) -> Fraction:
        """The variance of the days about their mean; 0 for a single day."""
        if self.days < 2:
            return Fraction(0)
        return (self.squares - Fraction(self.total**2, self.days)) / (self.days - 1)

    def per_day(self, rounding: Rounding) -> Decimal:
        """The mean, rounded half-even to two digits more than the minor unit has."""
        return rounding.decimal(_half_even(max(self.total, 0) * 100, self.days)).scaleb(-2, EXACT)

    def deviation(self, rounding: Rounding) -> Decimal:
        """The standard deviation of a day, rounded down to as many digits as `per_day`."""
        return rounding.decimal(isqrt(floor(self.variance * 100**2))).scaleb(-2, EXACT)

    def use(self, days: int) -> int:
        """The use in this many days from now: the mean times the days, rounded half-even."""
        return _half_even(max(self.total, 0) * days, self.days)

    def spread(self, days: int) -> int:
        """The width of the band: twice the deviation of such a sum, whose mean is itself an estimate."""
        squared = ceil(BAND**2 * self.variance * days * (1 + Fraction(days, self.days)))
        root = isqrt(squared)
        return root if root * root == squared else root + 1

    def least(self, days: int) -> int:
        """The band's lower end, never negative."""
        return max(0, self.use(days) - self.spread(days))

    def most(self, days: int) -> int:
        """The band's upper end."""
        return self.use(days) + self.spread(days)


def _half_even(amount: int, parts: int) -> int:
    """Like `round` of their fraction, but ten times as fast: every family's outlook calls it."""
    whole, rest = divmod(amount, parts)
    return whole + (2 * rest > parts or (2 * rest == parts and whole & 1))


def paces(used: Mapping[date, int], since: date, last: date) -> list[Pace]:
    """The pace of each window that ends with `last`, from its days since `since`; no pace for a window without such
    days.

    `used`: the use by day; a missing day has none.
    """
    by_window = []
    for window in WINDOWS:
        days = days_of(window, since, last)
        if days > 0:
            first = last - timedelta(days=days - 1)
            amounts = [amount for day, amount in used.items() if first <= day <= last]
            by_window.append(Pace(window, days, sum(amounts), sum(amount**2 for amount in amounts)))
    return by_window


def days_of(window: int, since: date, last: date) -> int:
    """The number of days of the window ending with `last` that lie in a term beginning on `since`; 0 or less if none
    do.
    """
    return min(window, (last - since).days + 1)


def day_after(day: date, number: int) -> date:
    """The day this many days after a day."""
    return day + number * ONE_DAY


def sampled(last: int, also: set[int], most: int = 30) -> list[int]:
    """Day numbers from 0 to the last, evenly spaced, and those that are wanted as well."""
    step = max(1, -(-last // most))
    return sorted({*range(0, last + 1, step), last, *(number for number in also if 0 <= number <= last)})
