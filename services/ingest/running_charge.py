"""One running charge of one account: its total, C of the total, and the amount that each record adds. In context EXACT.

C itself, in the fractions of `projections.pricing.Price`, is computed only if a record leaves a line of its price.
"""

from bisect import bisect_left
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from events.decimals import EXACT, MAX_FRACTION_DIGITS, MAX_WHOLE_DIGITS, normal, plain
from projections.aggregates import DayState, TotalsKey, merge, units, value
from projections.calendar import Period
from projections.pricing import Price
from projections.rating.terms import PlanTerms, PricingTerms, Series
from services.ingest.json_text import members

_WIDE = Context(prec=120, rounding=ROUND_HALF_EVEN)
_ZERO = Decimal(0)
#: Most numbers that a stretch caches.
_MOST_GAINS = 4096
_MOST_GAINED = Decimal(10) ** MAX_WHOLE_DIGITS
_LEAST, _MOST = Decimal("-Infinity"), Decimal("Infinity")


class Stretch(NamedTuple):
    """A stretch of quantities `(lower, upper]` on which C is a line: each unit adds `slope`.

    `gains` caches the gains of numbers, by their texts: most usage repeats a few numbers.
    """

    lower: Decimal
    upper: Decimal
    slope: Decimal
    gains: dict[str, str]


#: A stretch without any quantity.
NO_STRETCH = Stretch(_ZERO, _ZERO, _ZERO, {})


@dataclass(frozen=True, slots=True)
class Stretches:
    """A price as stretches: quantities not above zero, and then each band. `lowers` are the bands' lower limits.

    Both are quantities before the division by quantityPerUnit. Use it within the context `events.decimals.EXACT`.
    """

    lowers: tuple[Decimal, ...]
    stretches: tuple[Stretch, ...]

    def around(self, quantity: Decimal) -> Stretch:
        """The stretch that holds a quantity."""
        return self.stretches[bisect_left(self.lowers, quantity)]


def stretches_of(series: Series, pricing: PricingTerms) -> Stretches | None:
    """The stretches of the price of a plain sum; None if decimals would not be exact.

    There are stretches if quantities are not rounded and are divided by a product of twos and fives (1, 1000, 0.25
    ...).
    """
    price: Price = pricing.price
    if series.function != "SUM" or series.rounding != "NONE":
        return None
    per_unit = 1 / series.quantity_per_unit
    if not all(_finite(number) for number in (per_unit, *price.lowers, *price.unit)) or not _short(per_unit):
        return None
    lowers = tuple(_decimal(lower * series.quantity_per_unit) for lower in price.lowers)
    slopes = [_decimal(unit * per_unit) for unit in price.unit]
    bands = zip(lowers, [*lowers[1:], _MOST], slopes, strict=True)
    return Stretches(lowers, (Stretch(_LEAST, lowers[0], slopes[0], {}), *(Stretch(*band, {}) for band in bands)))


def _finite(number: Fraction) -> bool:
    """Whether the number has finitely many decimal digits."""
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _short(per_unit: Fraction) -> bool:
    """Whether quantity x slope stays below the 120 digits of EXACT, beyond which an exception would stop the
    partition.
    """
    return per_unit.denominator <= 10**9 and per_unit.numerator <= 10**9


def _decimal(number: Fraction) -> Decimal:
    return EXACT.divide(Decimal(number.numerator), Decimal(number.denominator)) if number else _ZERO


class Applied(NamedTuple):
    """A charge that a total affects: its identity, and the days that it sums."""

    plan: PlanTerms
    series: Series
    pricing: PricingTerms
    days: tuple[Period, ...]


class RunningCharge:
    """The running state of a charge: its sum, and C of the sum.

    The log keeps 18 digits after the point. C is rounded to them, not the differences, so that the differences still
    sum to C. On a line of the price whose C needed no rounding so far, a record adds its number times the slope,
    without computing C. A record that leaves the line, or needs more digits, computes C before and after.
    """

    __slots__ = ("_cumulative", "_state", "_stretch", "_stretches", "_total", "applied", "members")

    def __init__(self, key: TotalsKey, applied: Applied, stretches: Stretches | None, state: DayState | None) -> None:
        self.applied = applied
        #: The members of every `RatedCharge` of this charge, without the amount.
        self.members = charge_members(key[1], applied.pricing.id, applied.plan.id, key[2])
        self._state = state
        self._total = _ZERO if state is None else state.number
        self._stretches = stretches
        self._stretch = NO_STRETCH
        #: C, for charges other than plain sums with a price in stretches.
        self._cumulative = self._charge() if stretches is None else _ZERO

    def gain(self, number: Decimal, text: str) -> str:
        """Add a number, with its text, to a plain sum; returns the gain of C in the log's spelling, or "" for none."""
        total = self._total + number
        lower, upper, slope, gains = self._stretch
        if lower < total <= upper:
            gained = gains.get(text)
            if gained is None:
                gained = _along(slope, number)
                if gained is None:
                    return self._leave_stretch(number, total)
                if len(gains) >= _MOST_GAINS:
                    gains.clear()
                gains[text] = gained
            self._total = total
            return gained
        return self._leave_stretch(number, total)

    def gain_state(self, part: DayState) -> str:
        """Merge a record's contribution to any aggregation; returns the gain of C, as `gain` does."""
        if self._stretches is not None:
            return self.gain(part.number, str(part.number))
        before, state = self._cumulative, self._state
        self._state = part if state is None else merge(self.applied.series.function, state, part)
        self._cumulative = self._charge()
        return _written(self._cumulative - before)

    def _leave_stretch(self, number: Decimal, total: Decimal) -> str:
        if self._stretches is None:
            return self.gain_state(DayState(number, 1))
        before, charge = decimal_of(self._of_units(Fraction(self._total))), self._of_units(Fraction(total))
        after = decimal_of(charge)
        self._total = total
        self._stretch = self._stretches.around(total) if Fraction(after) == charge else NO_STRETCH
        return _written(after - before)

    def _charge(self) -> Decimal:
        return decimal_of(self._of_units(value(self.applied.series.function, self._state)))

    def _of_units(self, quantity: Fraction) -> Fraction:
        series = self.applied.series
        return self.applied.pricing.price.charge(units(quantity, series.quantity_per_unit, series.rounding))


def charge_members(aggregation_id: str, pricing_id: str, account_plan_id: str, segment: str) -> str:
    """The constant members of a charge's object, as JSON; the segment only if there is one."""
    ids = {"aggregationId": aggregation_id, "pricingId": pricing_id, "accountPlanId": account_plan_id}
    return members(ids | {"segment": segment} if segment else ids)


def _along(slope: Decimal, number: Decimal) -> str | None:
    """The gain of C along a line for a number; None if it has so many digits that C might need rounding."""
    gained = number * slope
    text = str(gained)
    if len(text) > MAX_FRACTION_DIGITS or "E" in text:
        return None
    return plain(normal(gained)) if gained else ""


def _written(gained: Decimal) -> str:
    # A fact with a number too long for the log would be unreadable for ever; the quantity is in the fact anyway.
    return plain(normal(gained)) if gained and -_MOST_GAINED < gained < _MOST_GAINED else ""


def decimal_of(amount: Fraction) -> Decimal:
    """The fraction to 18 digits after the point, half-even; exact if 18 digits suffice."""
    scaled, rest = divmod(amount.numerator * 10**MAX_FRACTION_DIGITS, amount.denominator)
    if 2 * rest > amount.denominator or (2 * rest == amount.denominator and scaled & 1):
        scaled += 1
    return Decimal(scaled).scaleb(-MAX_FRACTION_DIGITS, _WIDE)
