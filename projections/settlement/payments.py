"""The payments into a commitment or balance, by day: single ones, and those of schedules (rules 4.3, 4.8)."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from projections.calendar import Period
from projections.money import Rounding
from projections.schedules import Recurrence, TopUps


class Recurring(NamedTuple):
    """An amount in minor units that is added on each of these days."""

    days: Recurrence
    amount: int

    def by(self, day: date) -> int:
        """The sum of the amounts up to the day."""
        return self.amount * self.days.by(day)


@dataclass(frozen=True, slots=True)
class PaidIn:
    """Payments into a commitment or balance, in minor units.

    `posted` are the days from which single payments in or out can be drawn, and `totals` the sums up to each of them.
    `least`: the smallest sum from each of these days on, including schedules. `named` are the days that the payments
    themselves name, on which slices are cut (rules 4.1): a balance may be paid into before it starts.

    A debit (a negative transaction) takes priority over all draws, earlier ones too: its amount is reserved from the
    start, as if it had always been known, so a fund is never overdrawn. Draws that were billed before are refunded.
    """

    posted: tuple[date, ...]
    totals: tuple[int, ...]
    least: tuple[int, ...]
    top_ups: tuple[Recurring, ...]
    named: frozenset[date]

    def by(self, day: date) -> int:
        """The total paid in as known on the day: all posted payments, also those for later days, and scheduled top-ups
        by the day.
        """
        return (self.totals[-1] if self.totals else 0) + self._scheduled(day)

    def drawable(self, day: date) -> int:
        """The amount that a slice starting on the day can draw: payments by then, less what later debits take out."""
        index = bisect_right(self.posted, day)
        total = (self.totals[index - 1] if index else 0) + self._scheduled(day)
        return min(total, self.least[index]) if index < len(self.posted) else total

    @property
    def most(self) -> int:
        """The most that may ever be drawn."""
        return self.drawable(date.max)

    def days(self, period: Period) -> Iterator[date]:
        """The days in the period on which the amount changes."""
        yield from (day for day in self.posted if period.holds(day))
        for series in self.top_ups:
            yield from series.days.within(period)

    def steps(self, through: date) -> Iterator[tuple[date, int]]:
        """(day, total that may be drawn from then on), by day: posted payments, and scheduled top-ups up to a day."""
        days = set(self.posted)
        for series in self.top_ups:
            days.update(series.days.at(index) for index in range(series.days.by(through)))
        for day in sorted(days):
            yield day, self.drawable(day)

    def _scheduled(self, day: date) -> int:
        return sum([series.by(day) for series in self.top_ups]) if self.top_ups else 0


def paid_in(
    rounding: Rounding, payments: Iterable[tuple[date, Decimal]], start: date, top_ups: Iterable[TopUps] = ()
) -> PaidIn:
    """Payments made from the posted ones, by day, and the scheduled ones. Nothing can be drawn before `start`."""
    by_day: dict[date, int] = {}
    named = set[date]()
    for day, amount in payments:
        named.add(day)
        drawable = max(day, start)
        by_day[drawable] = by_day.get(drawable, 0) + rounding.minor(amount)
    days = sorted(by_day)
    totals = list(accumulate(by_day[day] for day in days))
    recurring = tuple(Recurring(series.days, rounding.minor(series.body.amount)) for series in top_ups)
    there = [total + sum(series.by(day) for series in recurring) for day, total in zip(days, totals, strict=True)]
    return PaidIn(tuple(days), tuple(totals), _least(there), recurring, frozenset(named))


def _least(totals: Sequence[int]) -> tuple[int, ...]:
    """For each number, the least of it and of all numbers behind it."""
    return tuple(accumulate(reversed(totals), min))[::-1]
