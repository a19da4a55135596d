"""One charge of one account as it runs: its total, C of it, and what each record adds to C. In context EXACT."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from events.decimals import MAX_FRACTION_DIGITS
from projections.aggregates import DayState, merge, units, value
from projections.calendar import Period
from projections.rating.terms import PlanTerms, PricingTerms, Series
from services.ingest.decimal_price import decimal_price

_WIDE = Context(prec=120, rounding=ROUND_HALF_EVEN)
_QUANTUM = Decimal(1).scaleb(-MAX_FRACTION_DIGITS)
_ZERO = Decimal(0)


class Applied(NamedTuple):
    """A charge that a total runs into: where it stands, and the days that it sums."""

    plan: PlanTerms
    series: Series
    pricing: PricingTerms
    days: tuple[Period, ...]


class Running:
    """The running state; `cumulative` is C of it, to the 18 fraction digits that the log keeps.

    C is rounded, not its differences, so that the differences still sum to it. `price` is None where decimals are not
    exact: then `gain_state` counts in fractions.
    """

    __slots__ = ("applied", "cumulative", "price", "state", "total")

    def __init__(self, applied: Applied, state: DayState | None) -> None:
        self.applied = applied
        self.state = state
        self.total = _ZERO if state is None else state.number
        self.price = decimal_price(applied.series, applied.pricing)
        self.cumulative = self._exact() if self.price is None else _kept(self.price.charge(self.total))

    def gain(self, number: Decimal) -> Decimal:
        """Add a number to a plain sum; returns what C gained."""
        if self.price is None:
            return self.gain_state(DayState(number, 1))
        self.total += number
        before = self.cumulative
        self.cumulative = after = _kept(self.price.charge(self.total))
        return after - before

    def gain_state(self, part: DayState) -> Decimal:
        """Merge what a record contributes to any aggregation; returns what C gained."""
        if self.price is not None:
            return self.gain(part.number)
        before, held = self.cumulative, self.state
        self.state = part if held is None else merge(self.applied.series.function, held, part)
        self.cumulative = self._exact()
        return self.cumulative - before

    def _exact(self) -> Decimal:
        series = self.applied.series
        quantity = units(value(series.function, self.state), series.quantity_per_unit, series.rounding)
        return decimal_of(self.applied.pricing.price.charge(quantity))


def _kept(amount: Decimal) -> Decimal:
    # Its text is the cheapest way to ask a Decimal for its digits: a short one without exponent has not too many.
    written = str(amount)
    if len(written) <= MAX_FRACTION_DIGITS and "E" not in written:
        return amount
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    return amount if exponent >= -MAX_FRACTION_DIGITS else amount.quantize(_QUANTUM, context=_WIDE)


def decimal_of(amount: Fraction) -> Decimal:
    """The fraction to 18 digits after the point, half-even; exact wherever that suffices."""
    scaled, rest = divmod(amount.numerator * 10**MAX_FRACTION_DIGITS, amount.denominator)
    if 2 * rest > amount.denominator or (2 * rest == amount.denominator and scaled & 1):
        scaled += 1
    return Decimal(scaled).scaleb(-MAX_FRACTION_DIGITS, _WIDE)
