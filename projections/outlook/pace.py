"""How fast something is used: by the usage of the last 7, 30 and 90 days, with a band (rules 11.3 to 11.5).

Amounts are whole minor units, and so is all that follows from them: nothing depends on how a machine rounds.
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

#: How many days are looked back, each by itself.
WINDOWS = (7, 30, 90)
#: Standard deviations on each side of the mean.
BAND = 2
#: By how many days from now, what is used until the end of that day.
Use = Callable[[int], int]


class Pace(NamedTuple):
    """What was used on the `days` of a window that lie in the term: their sum, and the sum of their squares."""

    window: int
    days: int
    total: int
    squares: int

    @property
    def mean(self) -> Fraction:
        """What is used a day; corrections alone make no usage to come."""
        return Fraction(max(self.total, 0), self.days)

    @property
    def variance(self) -> Fraction:
        """Of the days, about their mean; of a single day nothing is known."""
        if self.days < 2:
            return Fraction(0)
        return (self.squares - Fraction(self.total**2, self.days)) / (self.days - 1)

    def per_day(self, rounding: Rounding) -> Decimal:
        """The mean, rounded half-even to two digits more than the minor unit has."""
        return rounding.decimal(_half_even(max(self.total, 0) * 100, self.days)).scaleb(-2, EXACT)

    def deviation(self, rounding: Rounding) -> Decimal:
        """The standard deviation of a day, rounded down to as many digits."""
        return rounding.decimal(isqrt(floor(self.variance * 100**2))).scaleb(-2, EXACT)

    def use(self, days: int) -> int:
        """What is used in so many days from now: the mean of each, rounded half-even."""
        return _half_even(max(self.total, 0) * days, self.days)

    def spread(self, days: int) -> int:
        """How far it may lie from that: twice the deviation of such a sum, whose mean is an estimate itself."""
        squared = ceil(BAND**2 * self.variance * days * (1 + Fraction(days, self.days)))
        root = isqrt(squared)
        return root if root * root == squared else root + 1

    def least(self, days: int) -> int:
        """The band's lower end, and never below zero."""
        return max(0, self.use(days) - self.spread(days))

    def most(self, days: int) -> int:
        """The band's upper end."""
        return self.use(days) + self.spread(days)


def _half_even(amount: int, parts: int) -> int:
    """As `round` of their fraction, which costs ten times as much: every family's outlook asks for it."""
    whole, rest = divmod(amount, parts)
    return whole + (2 * rest > parts or (2 * rest == parts and whole & 1))


def paces(used: Mapping[date, int], since: date, last: date) -> list[Pace]:
    """The pace of each window that ends with `last`, of its days from `since` on; none of a window without such days.

    `used`: what was used on a day; on one that it does not name, nothing.
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
    """How many days of the window that ends with `last` lie in a term that began on `since`; none are 0 or less."""
    return min(window, (last - since).days + 1)


def day_after(day: date, number: int) -> date:
    """The day so many days from it."""
    return day + number * ONE_DAY


def sampled(last: int, also: set[int], most: int = 30) -> list[int]:
    """Numbers of days from 0 to the last, evenly apart, and those that are wanted besides."""
    step = max(1, -(-last // most))
    return sorted({*range(0, last + 1, step), last, *(number for number in also if 0 <= number <= last)})
