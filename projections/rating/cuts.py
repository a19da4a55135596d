"""The days on which slices start in a family (rules 4.1): single days, and the days of recurring top-ups."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from projections.calendar import Period
from projections.schedules import Recurrence


@dataclass(frozen=True, slots=True)
class Cuts:
    """Asked for one billing period at a time: a schedule of many years costs what that period holds of it."""

    days: tuple[date, ...]
    recurring: tuple[Recurrence, ...]

    def within(self, period: Period) -> list[date]:
        """Those in the period, sorted."""
        found = {day for day in self.days if period.holds(day)}
        return sorted(found.union(*(one.within(period) for one in self.recurring)))


def cuts_of(days: Iterable[date], recurring: Iterable[Recurrence]) -> Cuts:
    """Cuts on these days."""
    return Cuts(tuple(sorted(set(days))), tuple(recurring))
