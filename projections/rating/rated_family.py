"""All usage of a family rated at normal rates, and rated again only where quantities changed (rules 3.6).

A new state for a day that a charge already had costs as much as its slice and the later slices of that charge. Any
other change costs the charge of its billing period.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from projections.aggregates import DayState, Totals, TotalsKey
from projections.calendar import within
from projections.rating.terms import PlanTerms, Reader, Readers
from projections.rating.usage_charges import Cuts, RatedUsage, rate_usage, rerated

#: Number of the series in the family's terms, number of the billing period.
RatedKey = tuple[int, int]
#: The days of totals that changed.
Moved = Mapping[TotalsKey, Collection[date]]


class Rated(NamedTuple):
    """All usage of a family at normal rates, and the quantities it was rated from.

    `again` are the charges that were rated again; all others were kept.
    """

    usage: dict[RatedKey, tuple[RatedUsage, ...]]
    totals: dict[TotalsKey, dict[date, DayState]]
    again: Collection[RatedKey]

    @property
    def in_order(self) -> list[RatedUsage]:
        """The rated usage, by series and billing period."""
        return [usage for key in sorted(self.usage) for usage in self.usage[key]]


def rate_family(readers: Readers, cuts: Cuts, totals: Totals, kept: Rated | None, moved: Moved | None = None) -> Rated:
    """Rate a family's usage. Usage `kept` from before under the same terms is rated again only where quantities
    changed.

    `readers` say which series read a total, `cuts` are the days on which slices start. `moved` are the changes since
    `kept`, if the caller knows them; otherwise all totals are compared.
    """
    usage = dict(kept.usage) if kept else {}
    known = dict(kept.totals) if kept else {}
    stale: dict[RatedKey, Reader] = {}
    #: The days of totals by which each of these is stale; of tiers that span the plan's life there may be none.
    cells: dict[RatedKey, list[tuple[TotalsKey, date]]] = {}
    for key, changed in _moved(readers, known, totals) if moved is None else moved.items():
        of_total = readers.get(key)
        if of_total is None:
            continue
        known[key] = _updated(known.get(key, {}), totals.get(key, {}), changed)
        for reader in of_total:
            for number, day in _numbers(reader.plan, changed):
                stale[reader.number, number] = reader
                cells.setdefault((reader.number, number), []).append((key, day))
            if any(span.pricing.span for span in reader.series.spans):
                stale.update(dict.fromkeys(_from_period_of(min(changed), usage, reader), reader))
    for rated_key, reader in stale.items():
        again = _rerated(usage.get(rated_key, ()), cells.get(rated_key, ()), known)
        usage[rated_key] = again or rate_usage(reader.plan, reader.series, rated_key[1], known, cuts)
    return Rated(usage, known, stale)


def _moved(readers: Readers, old: Totals, new: Totals) -> Iterator[tuple[TotalsKey, list[date]]]:
    """The differences in all totals that a series reads."""
    for key in readers:
        before, now = old.get(key, {}), new.get(key, {})
        if not before:
            if now:
                yield key, list(now)
        elif before != now:
            yield key, [day for day in before.keys() | now.keys() if before.get(day) != now.get(day)]


def _updated(old: Mapping[date, DayState], new: Mapping[date, DayState], days: Iterable[date]) -> dict[date, DayState]:
    """The old total with the new states of these days."""
    if not old:
        return {day: new[day] for day in days if day in new}
    totals = dict(old)
    for day in days:
        state = new.get(day)
        if state is None:
            totals.pop(day, None)
        else:
            totals[day] = state
    return totals


def _rerated(
    before: tuple[RatedUsage, ...], cells: Iterable[tuple[TotalsKey, date]], totals: Totals
) -> tuple[RatedUsage, ...] | None:
    """The charge, if it has one pricing and one account, with new states for days it already had; None: rate it in
    full.
    """
    if len(before) != 1 or len(before[0].parts) != 1:
        return None
    states = {}
    for key, day in cells:
        state = totals[key].get(day)
        if state is None or key[0] != before[0].parts[0].account.id:
            return None
        states[day] = state
    again = rerated(before[0], states) if states else None
    return (again,) if again else None


def _numbers(plan: PlanTerms, days: Collection[date]) -> Iterator[tuple[int, date]]:
    """The days of the account plan, each with the number of its billing period."""
    if len(days) == 1:
        yield from [(plan.grid.number(day), day) for day in days if within(day, plan.start, plan.end)]
        return
    stop, number = date.min, 0
    for day in sorted(days):
        if within(day, plan.start, plan.end):
            if day >= stop:
                number = plan.grid.number(day)
                stop = plan.grid.start(number + 1)
            yield number, day


def _from_period_of(day: date, usage: Iterable[RatedKey], reader: Reader) -> list[RatedKey]:
    """The reader's rated periods, from the one of the day on: under tiersSpanPlan a change moves all later tiers."""
    first = reader.plan.grid.number(day)
    return [(series, number) for series, number in usage if series == reader.number and number >= first]
