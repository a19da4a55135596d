"""Grids of half-open periods, anchored in both directions at an epoch."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

_MONTHS = {"MONTHLY": 1, "ANNUALLY": 12}
_DAYS = {"DAILY": 1, "WEEKLY": 7}
FAR = date(9999, 1, 1)


def add_months(day: date, months: int) -> date:
    """The epoch's day of the month, clipped to the month's last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


@dataclass(frozen=True)
class Grid:
    frequency: str
    interval: int
    epoch: date

    def boundary(self, number: int) -> date:
        if self.frequency in _MONTHS:
            return add_months(self.epoch, number * self.interval * _MONTHS[self.frequency])
        return self.epoch + timedelta(days=number * self.interval * _DAYS[self.frequency])

    def number_of(self, day: date) -> int:
        """The number of the period that holds the day."""
        if self.frequency in _MONTHS:
            months = (day.year - self.epoch.year) * 12 + day.month - self.epoch.month
            guess = months // (self.interval * _MONTHS[self.frequency])
        else:
            guess = (day - self.epoch).days // (self.interval * _DAYS[self.frequency])
        while self.boundary(guess) > day:
            guess -= 1
        while self.boundary(guess + 1) <= day:
            guess += 1
        return guess


def joined(grid: Grid, one: Period, count: int, start: date, end: date) -> Period:
    """`count` grid periods from the one on, clipped to [start, end)."""
    first = grid.number_of(one.start)
    low, high = grid.boundary(first), grid.boundary(first + count)
    return Period(one.number, max(low, start), min(high, end), (high - low).days)


@dataclass(frozen=True)
class Period:
    """A grid period as clipped, with the days it has in full."""

    number: int
    start: date
    end: date
    full_days: int

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def share(self) -> Fraction:
        return Fraction(self.days, self.full_days)


def periods(grid: Grid, start: date, end: date, until: date, step: int = 1) -> Iterator[Period]:
    """Every `step` grid periods as one, from the one that holds `start`, clipped to [start, end), up to `until`.

    An empty term has none.
    """
    if start >= end:
        return
    first = grid.number_of(start)
    number = 0
    while True:
        low = grid.boundary(first + number * step)
        if low >= end or low > until:
            return
        high = grid.boundary(first + (number + 1) * step)
        yield Period(number, max(low, start), min(high, end), (high - low).days)
        number += 1
