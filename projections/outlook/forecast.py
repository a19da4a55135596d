"""What will be left of a prepayment or balance, and when it runs out: its course, day by day, by what is added on known
days and by the pace of its usage (rules 11.6, 11.7)."""

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

#: How far ahead it goes, as no rule waits for a later day; and of how many additions it has points.
AHEAD, ADDED_MAX = timedelta(days=DAYS_MAX), 30


class Addition(NamedTuple):
    """What can be drawn more from a day on, by the number of days from now."""

    number: int
    amount: int


class _Stretch(NamedTuple):
    """The days from `first` until the next addition: what there is at their beginning, and what was used by then."""

    first: int
    opening: int
    used: int


@dataclass(frozen=True, slots=True)
class Course:
    """Numbers are of days from now; 0 is now. `runs_out`: the first day at whose end nothing is left of what there was;
    None: never. What is used up by now does not run out, unless something is added to it first.

    `left` is what is left at the end of the last day, `covered` what was drawn by then, `uncovered` what was used and
    found nothing left.
    """

    use: Use
    stretches: tuple[_Stretch, ...]
    runs_out: int | None
    left: int
    covered: int
    uncovered: int

    def left_on(self, number: int) -> int:
        """What is left at the end of a day."""
        stretch = self.stretches[bisect_right(self.stretches, number, key=lambda stretch: stretch.first) - 1]
        return max(0, stretch.opening - (self.use(number) - stretch.used))


def course(left: int, additions: Sequence[Addition], last: int, use: Use) -> Course:
    """From what is `left` now to the end of the day number `last`; `use` never falls.

    What found nothing left is not made up for by what is added later: that can be drawn by later usage alone.
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
    """What will be left at the end of a day, and the band around it."""

    day: date
    left: Decimal
    low: Decimal
    high: Decimal


class Forecast(NamedTuple):
    """What will be, by the usage of the last `window` days, of which `days` lie in its term.

    `runs_out` is the first day at whose end nothing is left of what there was, `earliest` and `latest` the same at the
    ends of the band; None where something is left in the end, and where nothing is left now and nothing will be added.
    `uncovered` is what will be used and find nothing left.
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
    """The last day on which it can be drawn; None when that is over."""
    end = fund.end if now.day < fund.end else fund.rolls_until
    if end is None or now.day >= end or (now.day >= fund.end and not now.left):
        return None
    return min(end - ONE_DAY, now.day + min(AHEAD, date.max - now.day))


def additions(fund: Fund, now: date, added: int, until: date) -> list[Addition]:
    """What can be drawn more from later days on; nothing is added to what has rolled over."""
    if now >= fund.end:
        return []
    more = []
    for day in sorted(set(fund.paid_in.days(Period(now + ONE_DAY, until + ONE_DAY)))):
        if (drawable := fund.paid_in.drawable(day)) > added:
            more.append(Addition((day - now).days, drawable - added))
            added = drawable
    return more


def forecast_of(fund: Fund, now: Standing, until: date, pace: Pace) -> Forecast:
    """From how it stands now to the end of the last day on which it can be drawn."""
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
    """How much of what is left in the end does not roll over, in minor units."""
    rolls = fund.rolled(now.drawn + ahead.covered) if now.day < fund.end else 0
    return max(0, ahead.left - rolls)


def on_day(now: date, number: int | None) -> date | None:
    """The day so many days from now, if any."""
    return None if number is None else day_after(now, number)
