"""One charge of one account as it runs: its total, C of it, and what each record adds to C. In context EXACT."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from events.decimals import MAX_FRACTION_DIGITS, MAX_WHOLE_DIGITS, plain
from projections.aggregates import DayState, TotalsKey, merge, units, value
from projections.calendar import Period
from projections.rating.terms import PlanTerms, PricingTerms, Series
from services.ingest.decimal_price import NO_LINE, DecimalPrice
from services.ingest.json_text import members

_WIDE = Context(prec=120, rounding=ROUND_HALF_EVEN)
_QUANTUM = Decimal(1).scaleb(-MAX_FRACTION_DIGITS)
_ZERO = Decimal(0)
#: Numbers that a line remembers.
_MOST_GAINS = 4096
_MOST = Decimal(10) ** MAX_WHOLE_DIGITS


class Applied(NamedTuple):
    """A charge that a total runs into: where it stands, and the days that it sums."""

    plan: PlanTerms
    series: Series
    pricing: PricingTerms
    days: tuple[Period, ...]


class Running:
    """The running state of a charge: what it sums, and what C of that is.

    The log keeps 18 digits after the point. C is rounded to them, not its differences, so that these still sum to it.
    Along a line of the price whose C needed no rounding so far, a record adds its number times the slope: no C is
    worked out. Whoever leaves the line, or would need more digits, works out C before and after.
    """

    __slots__ = ("_cumulative", "_line", "_price", "_state", "_total", "applied", "members")

    def __init__(self, key: TotalsKey, applied: Applied, price: DecimalPrice | None, state: DayState | None) -> None:
        self.applied = applied
        #: What every `RatedCharge` of it says, but for the amount.
        self.members = charge_members(key[1], applied.pricing.id, applied.plan.id, key[2])
        self._state = state
        self._total = _ZERO if state is None else state.number
        self._price = price
        self._line = NO_LINE
        #: C, where decimals are not exact and there is no price in decimals.
        self._cumulative = self._in_fractions() if price is None else _ZERO

    def gain(self, number: Decimal, text: str) -> str:
        """Add a number, whose text this is, to a plain sum; what C gained, as the log has it, or "" for nothing."""
        total = self._total + number
        lower, upper, slope, gains = self._line
        if lower < total <= upper:
            gained = gains.get(text)
            if gained is None:
                gained = _along(slope, number)
                if gained is None:
                    return self._leave_line(number, total)
                if len(gains) >= _MOST_GAINS:
                    gains.clear()
                gains[text] = gained
            self._total = total
            return gained
        return self._leave_line(number, total)

    def gain_state(self, part: DayState) -> str:
        """Merge what a record contributes to any aggregation; returns what C gained, as `gain`."""
        if self._price is not None:
            return self.gain(part.number, str(part.number))
        before, held = self._cumulative, self._state
        self._state = part if held is None else merge(self.applied.series.function, held, part)
        self._cumulative = self._in_fractions()
        return _written(self._cumulative - before)

    def _leave_line(self, number: Decimal, total: Decimal) -> str:
        price = self._price
        if price is None:
            return self.gain_state(DayState(number, 1))
        before, charge = _kept(price.charge(self._total)), price.charge(total)
        after = _kept(charge)
        self._total = total
        self._line = price.line(total) if after == charge else NO_LINE
        return _written(after - before)

    def _in_fractions(self) -> Decimal:
        series = self.applied.series
        quantity = units(value(series.function, self._state), series.quantity_per_unit, series.rounding)
        return decimal_of(self.applied.pricing.price.charge(quantity))


def charge_members(aggregation_id: str, pricing_id: str, account_plan_id: str, segment: str) -> str:
    """The members of a charge's object that do not change, as JSON; a segment only where there is one."""
    ids = {"aggregationId": aggregation_id, "pricingId": pricing_id, "accountPlanId": account_plan_id}
    return members(ids | {"segment": segment} if segment else ids)


def _along(slope: Decimal, number: Decimal) -> str | None:
    """What a number adds to C along a line; None if it has so many digits that C might have to be rounded."""
    gained = number * slope
    text = str(gained)
    if len(text) > MAX_FRACTION_DIGITS or "E" in text:
        return None
    return text if gained else ""


def _kept(amount: Decimal) -> Decimal:
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    return amount if exponent >= -MAX_FRACTION_DIGITS else amount.quantize(_QUANTUM, context=_WIDE)


def _written(gained: Decimal) -> str:
    # A fact with a number that the log cannot hold would be unreadable for ever; the quantity is in it anyway.
    return plain(gained) if gained and -_MOST < gained < _MOST else ""


def decimal_of(amount: Fraction) -> Decimal:
    """The fraction to 18 digits after the point, half-even; exact wherever that suffices."""
    scaled, rest = divmod(amount.numerator * 10**MAX_FRACTION_DIGITS, amount.denominator)
    if 2 * rest > amount.denominator or (2 * rest == amount.denominator and scaled & 1):
        scaled += 1
    return Decimal(scaled).scaleb(-MAX_FRACTION_DIGITS, _WIDE)
