"""What a usage record adds to its charges: C(total after) - C(total before), exact (domain.md 3).

Informative: bills are settled from quantities by day. So a child's usage is rated by its own total even where the bill
pools it with its parent's, and a record that arrives late is rated as the last one of its charge. What must hold, and
is tested, is that the amounts of one account's charge sum to C of its total.
"""

from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from events.decimals import MAX_FRACTION_DIGITS, MAX_WHOLE_DIGITS, plain
from projections.aggregates import Contribution, DayState, TotalsKey, merge, units, value
from projections.calendar import Period
from projections.rating.terms import PlanTerms, PricingTerms, Reader, Series
from projections.rating.timelines import held_days
from services.ingest.decimal_price import decimal_price
from services.ingest.record import Charge
from services.ingest.totals import PartitionTotals

#: Which series read a total of an account.
ReadersOf = Callable[[TotalsKey], tuple[Reader, ...]]
_WIDE = Context(prec=120, rounding=ROUND_HALF_EVEN)
_QUANTUM = Decimal(1).scaleb(-MAX_FRACTION_DIGITS)
_MOST = Decimal(10) ** MAX_WHOLE_DIGITS


class Applied(NamedTuple):
    """A charge that a total runs into: where it stands, and the days that it sums."""

    plan: PlanTerms
    series: Series
    pricing: PricingTerms
    days: tuple[Period, ...]


class _Running:
    """The running state of one charge of one account; `cumulative` is C of it."""

    __slots__ = ("applied", "cumulative", "price", "state")

    def __init__(self, applied: Applied, state: DayState | None) -> None:
        self.applied = applied
        self.price = decimal_price(applied.series, applied.pricing)
        self.state = state
        self.cumulative = self._charge()

    def add(self, part: DayState) -> Decimal:
        """Merge a record's contribution; returns what it added to C. In context EXACT."""
        before, held = self.cumulative, self.state
        self.state = part if held is None else merge(self.applied.series.function, held, part)
        self.cumulative = after = self._charge()
        return after - before

    def _charge(self) -> Decimal:
        """C to the 18 fraction digits that the log keeps: rounded here, the differences still sum to it."""
        if self.price is not None:
            amount = self.price.charge(self.state.number if self.state is not None else Decimal(0))
            exponent = amount.as_tuple().exponent
            assert isinstance(exponent, int)
            return amount if exponent >= -MAX_FRACTION_DIGITS else amount.quantize(_QUANTUM, context=_WIDE)
        series = self.applied.series
        quantity = units(value(series.function, self.state), series.quantity_per_unit, series.rounding)
        return decimal_of(self.applied.pricing.price.charge(quantity))


def decimal_of(amount: Fraction) -> Decimal:
    """The fraction to 18 digits after the point, half-even; exact wherever that suffices."""
    scaled, rest = divmod(amount.numerator * 10**MAX_FRACTION_DIGITS, amount.denominator)
    if 2 * rest > amount.denominator or (2 * rest == amount.denominator and scaled & 1):
        scaled += 1
    return Decimal(scaled).scaleb(-MAX_FRACTION_DIGITS, _WIDE)


class Rater:
    """Rates the records of one partition, on its totals. `forget` after the catalog moved."""

    def __init__(self, totals: PartitionTotals) -> None:
        self._totals = totals
        self._charges: dict[tuple[str, str, str, date], tuple[_Running, ...]] = {}
        self._running: dict[tuple[str, str, str, str, str, Period], _Running] = {}

    def forget(self) -> None:
        """Prices may have changed: charges are found again, from the totals by day."""
        self._charges.clear()
        self._running.clear()

    def rate(self, account_id: str, day: date, part: Contribution, readers: ReadersOf) -> list[Charge]:
        """Add the record's part to the charges that read it; what each gained, without those that gained nothing.

        To be called in context EXACT, and before the part is added to the totals of the day.
        """
        aggregation_id, segment, state = part
        place = (account_id, aggregation_id, segment, day)
        charges = self._charges.get(place)
        if charges is None:
            charges = self._charges[place] = self._find(place, readers)
        found = []
        for running in charges:
            gained = running.add(state)
            # A fact with a number that the log cannot hold would be unreadable for ever; the quantity is in it anyway.
            if gained and -_MOST < gained < _MOST:
                applied = running.applied
                amount = plain(gained.normalize(_WIDE))
                found.append(Charge(aggregation_id, applied.pricing.id, applied.plan.id, segment, amount))
        return found

    def _find(self, place: tuple[str, str, str, date], readers: ReadersOf) -> tuple[_Running, ...]:
        key = place[:3]
        return tuple(self._of(key, applied) for applied in applied_on(readers(key), key[0], place[3]))

    def _of(self, key: TotalsKey, applied: Applied) -> _Running:
        """One running state per charge, shared by all days of it."""
        identity = (*key, applied.plan.id, applied.pricing.id, applied.days[0])
        running = self._running.get(identity)
        if running is None:
            state = self._totals.over(key, applied.series.function, applied.days)
            running = self._running[identity] = _Running(applied, state)
        return running


def applied_on(readers: tuple[Reader, ...], account_id: str, day: date) -> list[Applied]:
    """The charges that usage of the day runs into: debit pricings that hold on it, with the days they sum."""
    found = []
    for plan, series, _ in readers:
        member = next((one for one in plan.members if one.id == account_id), None)
        inside = plan.start <= day and (plan.end is None or day < plan.end)
        if member is None or not inside or not plan.rates(member, day) or series.kind != "DEBIT":
            continue
        billing = plan.period(plan.grid.number(day))
        for pricing, runs in held_days(series.spans, billing):
            if any(run.holds(day) for run in runs):
                days = (Period(plan.start, billing.end),) if pricing.span else tuple(runs)
                found.append(Applied(plan, series, pricing, days))
    return found
