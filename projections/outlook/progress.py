"""The progress of a MINIMUM: the amount counted toward a commitment period, day by day, against the amount owed, and
the expected true-up at its end (rules 6.7, 6.11, 11.8).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from projections.calendar import ONE_DAY
from projections.outlook.forecast import on_day
from projections.outlook.pace import WINDOWS, Pace, Use, day_after, paces, sampled
from projections.settlement.family import Family
from projections.settlement.minimums import Minimum, MinimumPeriod, lacking
from projections.settlement.settled import Settlement
from projections.settlement.states_by_day import change_days, settled_on


class CountedDay(NamedTuple):
    """The amount counted toward the period by the end of a day."""

    day: date
    counted: Decimal


class CountedToBe(NamedTuple):
    """The amount that will have counted by the end of a day, and its band."""

    day: date
    counted: Decimal
    low: Decimal
    high: Decimal


class TrueUpForecast(NamedTuple):
    """A forecast by the amounts counted on the last `window` days, of which `days` lie in the term.

    `reached` is the day at whose end the counted amount covers the owed one, `earliest` and `latest` the same at the
    ends of the band; None if the period will lack something at its end. `true_up` is the amount it will lack, from
    `true_up_low` to `_high`.
    """

    window: int
    days: int
    per_day: Decimal
    deviation: Decimal
    reached: date | None
    earliest: date | None
    latest: date | None
    counted: Decimal
    low: Decimal
    high: Decimal
    true_up: Decimal
    true_up_low: Decimal
    true_up_high: Decimal
    points: tuple[CountedToBe, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """The present state of a commitment period `[start, end)`; `days` are those on which the counted amount changed,
    and now.

    A period that is over has no forecast: its `true_up` is final.
    """

    start: date
    end: date
    owed: Decimal
    counted: Decimal
    shortfall: Decimal
    true_up: Decimal
    state: str
    days: tuple[CountedDay, ...]
    forecasts: tuple[TrueUpForecast, ...]


def progress(family: Family, minimum_id: str, last: Settlement, over: date) -> Progress | None:
    """The period of the MINIMUM that holds the day of `last`, else the next period, else the last; None if it has no
    periods.

    `over` is the last day that is over: the windows of forecasts end with it, or with the day of `last` if that is
    earlier.
    """
    minimum = next(minimum for minimum in family.terms.minimums if minimum.id == minimum_id)
    now, over = last.through, min(over, last.through)
    periods = last.minimum_periods[minimum_id]
    if not periods:
        return None
    index = next((index for index, candidate in enumerate(periods) if now < candidate.end), len(periods) - 1)
    period, money = periods[index], minimum.rounding.decimal
    first_of_windows = over - timedelta(days=WINDOWS[-1] - 1)
    course = _course_since(min(period.start, first_of_windows), family, minimum_id, last)
    counted = [(day, as_of[index].counted) for day, as_of in course.days if period.start <= day < now]
    has_forecasts = now < period.end and not period.waived
    paced = paces(_counted_by_day(course, over), minimum.start, over) if has_forecasts else []
    return Progress(
        start=period.start,
        end=period.end,
        owed=money(period.owed),
        counted=money(period.counted),
        shortfall=money(period.shortfall),
        true_up=money(period.true_up),
        state=period.state,
        days=tuple(_changes([*counted, (now, period.counted)], money)),
        forecasts=tuple(_forecast(minimum, period, now, pace) for pace in paced),
    )


class _Course(NamedTuple):
    """The periods of a MINIMUM as they stood on each of the days on which something changed.

    `has_base`: the first of these days lies before the requested ones and gives the amount counted by then.
    """

    days: Sequence[tuple[date, Sequence[MinimumPeriod]]]
    has_base: bool


def _course_since(day: date, family: Family, minimum_id: str, last: Settlement) -> _Course:
    """The course from a day on, up to that of `last`."""
    days = change_days(family, minimum_id, last)
    base = bisect_left(days, day) - 1
    settlements = settled_on(family, days[max(0, base) :])
    return _Course([(settled.through, settled.minimum_periods[minimum_id]) for settled in settlements], base > 0)


def _counted_by_day(course: _Course, over: date) -> dict[date, int]:
    """The amount counted on each day that is over, toward any period."""
    before, by_day = 0, {}
    for index, (day, periods) in enumerate(course.days):
        counted = sum(period.counted for period in periods)
        if day <= over and not (course.has_base and index == 0):
            by_day[day] = counted - before
        before = counted
    return by_day


def _changes(listed: Sequence[tuple[date, int]], money: Callable[[int], Decimal]) -> Iterator[CountedDay]:
    shown: int | None = None
    for index, (day, counted) in enumerate(listed):
        if counted != shown or index == len(listed) - 1:
            yield CountedDay(day, money(counted))
            shown = counted


def days_left(period: MinimumPeriod, now: date) -> tuple[date, int]:
    """The day from which its days are still to come, and their number: before the period begins, all its days."""
    start = max(now, period.start - ONE_DAY)
    return start, (period.end - ONE_DAY - start).days


def reached(period: MinimumPeriod, last: int, use: Use) -> int | None:
    """The day, counted from now, on which the period reaches the owed amount; None: not until day number `last`."""
    days = bisect_left(range(last + 1), period.owed - period.counted, key=use)
    return days if days <= last else None


def _forecast(minimum: Minimum, period: MinimumPeriod, now: date, pace: Pace) -> TrueUpForecast:
    money, (start, last) = minimum.rounding.decimal, days_left(period, now)
    mean, low, high = (period.counted + use(last) for use in (pace.use, pace.least, pace.most))
    when = reached(period, last, pace.use)
    return TrueUpForecast(
        window=pace.window,
        days=pace.days,
        per_day=pace.per_day(minimum.rounding),
        deviation=pace.deviation(minimum.rounding),
        reached=on_day(start, when),
        earliest=on_day(start, reached(period, last, pace.most)),
        latest=on_day(start, reached(period, last, pace.least)),
        counted=money(mean),
        low=money(low),
        high=money(high),
        true_up=money(lacking(period, mean)),
        true_up_low=money(lacking(period, high)),
        true_up_high=money(lacking(period, low)),
        points=tuple(
            CountedToBe(
                day_after(start, number),
                *(money(period.counted + use(number)) for use in (pace.use, pace.least, pace.most)),
            )
            for number in sampled(last, {when or 0})
        ),
    )
