"""Usage without a pricing: kept and shown, never billed (rules 3.8)."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from events.resources.catalog import Aggregation
from projections.aggregates import Totals, merge_all, shown, value
from projections.calendar import ONE_DAY, within
from projections.rating.terms import Reader
from projections.settlement.family import FamilyTerms


class Unpriced(NamedTuple):
    """Usage on days without a pricing or without an account plan: kept, shown, never billed."""

    account_id: str
    aggregation_id: str
    segment: str
    days: tuple[date, ...]

    @property
    def start(self) -> date:
        """The first day of the usage."""
        return self.days[0]

    @property
    def end(self) -> date:
        """The day after the last day of the usage."""
        return self.days[-1] + ONE_DAY

    def quantity(self, aggregation: Aggregation, totals: Totals) -> Decimal:
        """The total over its days, for people to read; no money is derived from it."""
        days = totals[self.account_id, self.aggregation_id, self.segment]
        merged = merge_all(aggregation.aggregation, [days[day] for day in self.days])
        return shown(value(aggregation.aggregation, merged))


def unpriced(terms: FamilyTerms, totals: Totals) -> list[Unpriced]:
    """All unpriced usage of the family, by account, aggregation and segment."""
    unpriced_usage = []
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
            unpriced_usage.append(Unpriced(*key, days))
    return unpriced_usage


def _holds(reader: Reader, day: date) -> bool:
    """Checks pricing and account plan at once, because timelines of pricings are clipped to the account plan."""
    return any(within(day, span.start, span.end) for span in reader.series.spans)
