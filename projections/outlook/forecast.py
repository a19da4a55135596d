"""What will be left of a prepayment or balance, and when it runs out, by the pace of its usage (rules 11.6, 11.7)."""

from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from events.resources.notifications import DAYS_MAX
from projections.calendar import ONE_DAY, Period
from projections.outlook.course import Addition, Course, course
from projections.outlook.pace import Pace, day_after, sampled
from projections.outlook.standing import Standing
from projections.settlement.agreements import Fund

#: How far ahead it goes, as no rule waits for a later day; and of how many additions it has points.
AHEAD, ADDED_MAX = timedelta(days=DAYS_MAX), 30


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
    """What of that which is left in the end does not roll over."""
    rolls = fund.rolled(now.drawn + ahead.covered) if now.day < fund.end else 0
    return max(0, ahead.left - rolls)


def on_day(now: date, number: int | None) -> date | None:
    """The day so many days from now, if any."""
    return None if number is None else day_after(now, number)
