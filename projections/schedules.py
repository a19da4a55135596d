"""The top-ups and fees of a balance's schedules, as days: derived on demand, never posted (rules 3.26, 4.8, 8.14).

A schedule may run for two hundred years, so nothing here lists all its days: days are counted on the schedule's grid,
or made one after the other up to a day.
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple, TypeVar
from uuid import UUID, uuid5

from events.resources.balances import Balance, BalanceChargeSchedule, BalanceSchedule, BalanceTransactionSchedule
from projections.calendar import ONE_DAY, Grid, Period, grid, named_day
from projections.entities import BalanceEntity, ScheduleEntity
from projections.rating.index import FamilyIndex
from projections.rating.plans import epoch_of
from projections.resources import ATTRIBUTES, Resources

S = TypeVar("S", bound=BalanceSchedule)


class Recurrence(NamedTuple):
    """Days of a grid: the first days of its periods number `first` to `stop` - 1."""

    grid: Grid
    first: int
    stop: int

    def by(self, day: date) -> int:
        """The number of its days up to this day, inclusive."""
        return min(max(self.grid.number(day) + 1, self.first), self.stop) - self.first

    def at(self, number: int) -> date:
        """The day with this number, from 0."""
        return self.grid.start(self.first + number)

    def within(self, days: Period) -> Iterator[date]:
        """Its days in the period, in order."""
        for number in range(self.by(days.start - ONE_DAY), self.by(days.end - ONE_DAY)):
            yield self.at(number)


def recurrence(of: Grid, days: Period) -> Recurrence:
    """The first days of the grid's periods that lie in these days."""
    return Recurrence(of, _first_from(of, days.start), max(_first_from(of, days.start), _first_from(of, days.end)))


def _first_from(of: Grid, day: date) -> int:
    number = of.number(day)
    return number if of.start(number) >= day else number + 1


class Stretch(NamedTuple):
    """Terms of a schedule with the days within the balance's term, and the days on which these terms make a top-up or
    fee.
    """

    body: BalanceSchedule
    term: Period
    holds: Period


def balance_days(balance: Balance, zone: str) -> Period:
    """The balance's term."""
    return Period(named_day(balance.start_date, zone), named_day(balance.end_date, zone))


def stretches(schedule: ScheduleEntity[S], balance: Balance, zone: str) -> Iterator[Stretch]:
    """The schedule's terms one after the other, without terms that make nothing."""
    starts = [term.start for term in schedule.terms]
    ends = [*starts[1:], schedule.ended or date.max]
    for terms, end in zip(schedule.terms, ends, strict=True):
        days = balance_days(balance, zone)
        term = Period(named_day(terms.body.first, zone), named_day(terms.body.last, zone)).clipped(*days)
        if term.start < term.end:
            yield Stretch(terms.body, term, Period(terms.start, end))


class TopUps(NamedTuple):
    """Equal top-ups of one schedule, under one of its terms."""

    schedule: ScheduleEntity[BalanceTransactionSchedule]
    body: BalanceTransactionSchedule
    days: Recurrence


def top_ups(schedule: ScheduleEntity[BalanceTransactionSchedule], balance: Balance, zone: str) -> Iterator[TopUps]:
    """All top-ups of the schedule, by day: on its first day, and after every so many periods of its frequency."""
    for body, term, holds in stretches(schedule, balance, zone):
        assert isinstance(body, BalanceTransactionSchedule)
        epoch = named_day(body.start_date, zone)
        days = recurrence(grid(body.frequency, body.frequency_interval, epoch), term.clipped(*holds))
        if days.first < days.stop:
            yield TopUps(schedule, body, days)


def balance_top_ups(resources: Resources, index: FamilyIndex, balance: BalanceEntity, zone: str) -> Iterator[TopUps]:
    """The top-ups of all schedules of a balance, also of deleted ones."""
    for schedule in balance_schedules(resources, index, balance, BalanceTransactionSchedule):
        yield from top_ups(schedule, balance.body, zone)


class FeePeriod(NamedTuple):
    """The service period of one fee, and its due day."""

    body: BalanceChargeSchedule
    period: Period
    due: date


def fee_periods(
    resources: Resources,
    schedule: ScheduleEntity[BalanceChargeSchedule],
    balance: Balance,
    zone: str,
    since: date = date.min,
) -> Iterator[FeePeriod]:
    """All fee periods of the schedule in order of their due days, one after the other. With `since`: those due after
    that day, preceded by the last few that are due by then.
    """
    for body, term, holds in stretches(schedule, balance, zone):
        assert isinstance(body, BalanceChargeSchedule)
        epoch = epoch_of(resources, body.bill_frequency, body.bill_epoch)
        periods = grid(body.bill_frequency, body.bill_frequency_interval, epoch)
        # A fee due on a day may be for a period that ends there; an earlier fee due on that day must be included, too.
        begin = max(holds.start, min(since, holds.end, term.end))
        number = periods.number(term.start)
        if begin > term.start:
            number = max(number, periods.number(begin - ONE_DAY) - 1)
        while (period := periods.period(number).clipped(*term)).start < term.end:
            number += 1
            due = period.start if body.bill_in_advance else period.end
            if due >= holds.end:
                break
            if due >= holds.start:
                yield FeePeriod(body, period, due)


def balance_schedules(
    resources: Resources, index: FamilyIndex, balance: BalanceEntity, of: type[S]
) -> Iterator[ScheduleEntity[S]]:
    """The balance's schedules with bodies of this kind, also deleted ones."""
    yield from (schedule for schedule in balance.schedules if isinstance(schedule.body, of))
    yield from index.owned(resources, ATTRIBUTES[of], "balance_id", balance.id)


def occurrence_id(schedule_id: str, day: date) -> str:
    """The id of a schedule's top-up or fee on a day: every derivation gives the same id."""
    return str(uuid5(UUID(schedule_id), day.isoformat()))
