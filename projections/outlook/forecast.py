"""The forecast of a prepayment or balance: the amount left and the day it runs out, day by day, from additions on known
days and the pace of usage (rules 11.6, 11.7).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from events.resources.notifications import DAYS_MAX
from projections.calendar import ONE_DAY, Period
from projections.outlook.pace import Pace, Use, day_after, sampled
from projections.outlook.standing import Standing
from projections.settlement.agreements import Fund

#: How many days ahead a forecast reaches, because no rule waits for a later day; and for how many additions it has
#: points.
AHEAD, ADDED_MAX = timedelta(days=DAYS_MAX), 30


class Addition(NamedTuple):
    """An amount that can be drawn from a day on; the day is counted from now."""

    number: int
    amount: int


class _Stretch(NamedTuple):
    """The days from `first` until the next addition: the amount at their beginning, and the use by then."""

    first: int
    opening: int
    used: int


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a fund; days are counted from now, which is 0.

    `runs_out`: the first day at whose end nothing of the former amount is left; None: never. A fund that is used up now
    does not run out, unless something is added first. `left` is the amount at the end of the last day, `covered` the
    amount drawn by then, `uncovered` the use that found nothing left.
    """

    use: Use
    stretches: tuple[_Stretch, ...]
    runs_out: int | None
    left: int
    covered: int
    uncovered: int

    def left_on(self, number: int) -> int:
        """The amount left at the end of a day."""
        stretch = self.stretches[bisect_right(self.stretches, number, key=lambda stretch: stretch.first) - 1]
        return max(0, stretch.opening - (self.use(number) - stretch.used))


def course(left: int, additions: Sequence[Addition], last: int, use: Use) -> Course:
    """The course from the amount `left` now to the end of the day number `last`; `use` never falls.

    Later additions do not cover use that found nothing left: only later usage can draw them.
    """
    stretches = [_Stretch(0, max(0, left), 0)]
    runs_out: int | None = None
    remaining, uncovered = max(0, left), 0
    starts = [Addition(1, 0), *additions]
    for index, start in enumerate(starts):
        stop = starts[index + 1].number - 1 if index + 1 < len(starts) else last
        before = use(start.number - 1)
        opening = remaining + start.amount
        stretches.append(_Stretch(start.number, opening, before))
        rest = opening - (use(stop) - before)
        if rest <= 0 < opening and runs_out is None:
            days = range(start.number, stop + 1)
            runs_out = days[bisect_left(days, True, key=lambda day: opening - (use(day) - before) <= 0)]
        remaining, uncovered = max(0, rest), uncovered + max(0, -rest)
    return Course(use, tuple(stretches), runs_out, remaining, use(last) - uncovered, uncovered)


class ForecastDay(NamedTuple):
    """The forecast amount at the end of a day, and its band."""

    day: date
    left: Decimal
    low: Decimal
    high: Decimal


class Forecast(NamedTuple):
    """A forecast by the usage of the last `window` days, of which `days` lie in the fund's term.

    `runs_out` is the first day at whose end nothing of the former amount is left, `earliest` and `latest` the same at
    the ends of the band. They are None if something is left in the end, or if nothing is left now and nothing will be
    added. `uncovered` is the use that will find nothing left.
    """

    window: int
    days: int
    per_day: Decimal
    deviation: Decimal
    runs_out: date | None
    earliest: date | None
    latest: date | None
    left: Decimal
    low: Decimal
    high: Decimal
    uncovered: Decimal
    lapses: Decimal
    points: tuple[ForecastDay, ...]


def until_of(fund: Fund, now: Standing) -> date | None:
    """The last day on which the fund can be drawn; None if that day is over."""
    end = fund.end if now.day < fund.end else fund.rolls_until
    if end is None or now.day >= end or (now.day >= fund.end and not now.left):
        return None
    return min(end - ONE_DAY, now.day + min(AHEAD, date.max - now.day))


def additions(fund: Fund, now: date, added: int, until: date) -> list[Addition]:
    """Amounts that can be drawn only from later days on; nothing is added to an amount that has rolled over."""
    if now >= fund.end:
        return []
    more = []
    for day in sorted(set(fund.paid_in.days(Period(now + ONE_DAY, until + ONE_DAY)))):
        if (drawable := fund.paid_in.drawable(day)) > added:
            more.append(Addition((day - now).days, drawable - added))
            added = drawable
    return more


def forecast_of(fund: Fund, now: Standing, until: date, pace: Pace) -> Forecast:
    """The forecast from the fund's present state to the end of the last day on which it can be drawn."""
    last, money = (until - now.day).days, fund.rounding.decimal
    more = additions(fund, now.day, now.added, until)
    mean, slow, fast = (course(now.left, more, last, use) for use in (pace.use, pace.least, pace.most))
    steps = {addition.number for addition in more[:ADDED_MAX]}
    wanted = {*steps, *(number - 1 for number in steps), mean.runs_out or 0}
    return Forecast(
        window=pace.window,
        days=pace.days,
        per_day=pace.per_day(fund.rounding),
        deviation=pace.deviation(fund.rounding),
        runs_out=on_day(now.day, mean.runs_out),
        earliest=on_day(now.day, fast.runs_out),
        latest=on_day(now.day, slow.runs_out),
        left=money(mean.left),
        low=money(fast.left),
        high=money(slow.left),
        uncovered=money(mean.uncovered),
        lapses=money(lapses(fund, now, mean)),
        points=tuple(
            ForecastDay(day_after(now.day, number), *(money(ahead.left_on(number)) for ahead in (mean, fast, slow)))
            for number in sampled(last, wanted)
        ),
    )


def lapses(fund: Fund, now: Standing, ahead: Course) -> int:
    """The part of the final amount that does not roll over, in minor units."""
    rolls = fund.rolled(now.drawn + ahead.covered) if now.day < fund.end else 0
    return max(0, ahead.left - rolls)


def on_day(now: date, number: int | None) -> date | None:
    """The day this many days from now, if any."""
    return None if number is None else day_after(now, number)
