"""Days, and the half-open periods that contain them (rules 2.1 to 2.4, 2.7).

A day is a `date` in the account's zone. Periods come from a grid: a frequency times an interval, anchored in both
directions at an epoch. Months keep the epoch's day, clipped to the month's last day.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from events.dates import day_at_midnight
from events.resources.catalog import Frequency
from events.zones import day_in, time_zone

ONE_DAY = timedelta(days=1)
SHORTEST_MONTH = 28
#: Default epochs; weeks start on a Monday.
DEFAULT_EPOCH = date(1970, 1, 1)
DEFAULT_WEEK_EPOCH = date(1970, 1, 5)


def later(known: datetime | None, now: datetime) -> datetime:
    """The later of two moments; either may be unknown."""
    return now if known is None else max(known, now)


class Period(NamedTuple):
    """Days `[start, end)`."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """The number of days in the period."""
        return (self.end - self.start).days

    def holds(self, day: date) -> bool:
        """Whether the day lies in it."""
        return self.start <= day < self.end

    def clipped(self, start: date, end: date | None) -> "Period":
        """The part of the period within `[start, end)`; no end means for ever. The result may be empty (end <=
        start).
        """
        return Period(max(self.start, start), self.end if end is None else min(self.end, end))


def within(day: date, start: date, end: date | None) -> bool:
    """Whether the day lies in `[start, end)`; no end means for ever."""
    return start <= day and (end is None or day < end)


def local_day(instant: datetime, zone: str) -> date:
    """The zone's day at an instant."""
    return day_in(time_zone(zone), instant)


def through_of(last_day: date) -> date:
    """The date of a bill that the wire names by its last day: the end of the periods that end with it (rules 2.1)."""
    return last_day + ONE_DAY


def bill_date_of(last_day: date | None, today: date) -> date:
    """The date to settle for: of the bill with this last day, where one is named, else today."""
    return today if last_day is None else through_of(last_day)


def named_day(moment: date | datetime, zone: str) -> date:
    """The day that a date or date-time of the wire names, where a day is meant (rules 2.7).

    Midnight UTC names that calendar day in every zone: clients write dates in this form, and as an instant it would
    fall on the day before in America. Any other instant names its day in the zone.
    """
    if not isinstance(moment, datetime):
        return moment
    return day_at_midnight(moment) or local_day(moment, zone)


def named_days(start: date | datetime, end: date | datetime | None, zone: str) -> tuple[date, date | None]:
    """`named_day` of both ends of a term; no end means for ever."""
    return named_day(start, zone), None if end is None else named_day(end, zone)


def add_months(day: date, months: int) -> date:
    """The same day of the month, `months` later, clipped to that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    in_every_month = day.day <= SHORTEST_MONTH
    return date(year, month + 1, day.day if in_every_month else min(day.day, monthrange(year, month + 1)[1]))


def days_of(period: Period) -> Iterator[date]:
    """The days of the period, in order."""
    day = period.start
    while day < period.end:
        yield day
        day += ONE_DAY


@dataclass(frozen=True, slots=True)
class Grid:
    """Periods of a frequency times an interval; number 0 starts at the epoch. Either `months` or `days` is not 0."""

    epoch: date
    months: int
    days: int

    def start(self, number: int) -> date:
        """First day of the period with this number, clipped to the calendar's first and last day."""
        try:
            if self.months:
                return add_months(self.epoch, number * self.months)
            return self.epoch + timedelta(days=number * self.days)
        except (OverflowError, ValueError):
            return date.max if number > 0 else date.min

    def number(self, day: date) -> int:
        """Number of the period that holds the day; negative before the epoch."""
        if not self.months:
            return (day - self.epoch).days // self.days
        elapsed = (day.year - self.epoch.year) * 12 + day.month - self.epoch.month
        number = elapsed // self.months
        return number - 1 if self.start(number) > day else number

    def period(self, number: int) -> Period:
        """The period with this number."""
        return Period(self.start(number), self.start(number + 1))


_MONTHS = {"MONTHLY": 1, "ANNUALLY": 12}
_DAYS = {"DAILY": 1, "WEEKLY": 7}


def grid(frequency: Frequency, interval: int, epoch: date | None) -> Grid:
    """The grid of a frequency and interval from an epoch, or from 1970 where none is given."""
    if epoch is None:
        epoch = DEFAULT_WEEK_EPOCH if frequency == "WEEKLY" else DEFAULT_EPOCH
    return Grid(epoch, _MONTHS.get(frequency, 0) * interval, _DAYS.get(frequency, 0) * interval)
