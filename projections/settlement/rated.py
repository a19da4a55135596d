"""Rate a family's usage, again only where quantities changed since an earlier settlement."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from events.resources.catalog import Aggregation
from projections.aggregates import DayState, Totals, TotalsKey, merge_all, shown, value
from projections.calendar import ONE_DAY
from projections.rating.terms import PlanTerms, Reader
from projections.rating.usage import RatedUsage, rate_usage
from projections.settlement.family import FamilyTerms

#: Place of the series in the family's terms, number of the billing period.
RatedKey = tuple[int, int]


class Rated(NamedTuple):
    """All usage of a family at normal rates, and the quantities it was rated from."""

    usage: dict[RatedKey, tuple[RatedUsage, ...]]
    totals: dict[TotalsKey, dict[date, DayState]]


def rate_family(terms: FamilyTerms, totals: Totals, kept: Rated | None) -> Rated:
    """Rate everything; `kept` is what was rated before under the same terms."""
    usage = dict(kept.usage) if kept else {}
    held = dict(kept.totals) if kept else {}
    stale: dict[RatedKey, Reader] = {}
    for key, readers in terms.readers.items():
        days, old = totals.get(key), held.get(key)
        if days == old or (not days and not old):
            continue
        held[key] = dict(days or {})
        changed = _changed(old or {}, held[key])
        for reader in readers:
            for number in _numbers(reader.plan, changed):
                stale[reader.place, number] = reader
            if any(span.pricing.span for span in reader.series.spans):
                _stale_after(usage, reader, min(changed), stale)
    for (place, number), reader in stale.items():
        usage[place, number] = rate_usage(reader.plan, reader.series, number, held, terms.cuts)
    return Rated(usage, held)


def _changed(old: Mapping[date, DayState], new: Mapping[date, DayState]) -> list[date]:
    if not old:
        return list(new)
    return [day for day in old.keys() | new.keys() if old.get(day) != new.get(day)]


def _numbers(plan: PlanTerms, days: Iterable[date]) -> Iterator[int]:
    """Numbers of the billing periods that hold days of the account plan."""
    stop = date.min
    for day in sorted(days):
        if day >= stop and plan.start <= day and (plan.end is None or day < plan.end):
            number = plan.grid.number(day)
            stop = plan.grid.start(number + 1)
            yield number


def _stale_after(usage: Mapping[RatedKey, object], reader: Reader, day: date, stale: dict[RatedKey, Reader]) -> None:
    """tiersSpanPlan: what changes on a day moves every later period's tiers."""
    first = reader.plan.grid.number(day)
    for place, number in usage:
        if place == reader.place and number >= first:
            stale[place, number] = reader


class Unpriced(NamedTuple):
    """Usage that no pricing and no account plan held on its days: kept, shown, never billed."""

    account_id: str
    aggregation_id: str
    segment: str
    days: tuple[date, ...]

    @property
    def start(self) -> date:
        """Its first day."""
        return self.days[0]

    @property
    def end(self) -> date:
        """The day after its last one."""
        return self.days[-1] + ONE_DAY

    def quantity(self, aggregation: Aggregation, totals: Totals) -> Decimal:
        """What it adds up to over its days, for people: no money is derived from it."""
        days = totals[self.account_id, self.aggregation_id, self.segment]
        merged = merge_all(aggregation.aggregation, [days[day] for day in self.days])
        return shown(value(aggregation.aggregation, merged))


def unpriced(terms: FamilyTerms, totals: Totals) -> list[Unpriced]:
    """All such usage of the family, by account, aggregation and segment."""
    found = []
    for key in sorted(totals):
        account = terms.accounts.get(key[0])
        if account is None:
            continue
        readers = terms.readers.get(key, ())
        days = tuple(
            day
            for day in sorted(totals[key])
            if not any(reader.plan.rates(account, day) and _holds(reader, day) for reader in readers)
        )
        if days:
            found.append(Unpriced(*key, days))
    return found


def _holds(reader: Reader, day: date) -> bool:
    """Timelines of pricings are clipped to the account plan, so this asks for both."""
    return any(span.start <= day and (span.end is None or day < span.end) for span in reader.series.spans)
