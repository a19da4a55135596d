"""Money in whole minor units: rounding, and dividing one rounded amount (rules 9).

Inside rating and settlement a rounded amount is an `int` of minor units (cents of USD, yen of JPY), and an unrounded
amount is a `Fraction`. Only `Rounding.minor_of` turns one into the other, so no cent is lost.

ISO 4217 defines the number of digits of a currency's minor unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from events.decimals import EXACT

RoundingMode = Literal["HALF_EVEN", "HALF_UP"]
#: Minor units with a number of digits other than 2.
_NOT_TWO = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS = {currency: digits for digits, currencies in _NOT_TWO.items() for currency in currencies.split()}
#: A shortcut, because most amounts of most commitments are 0.
_ZEROS = tuple(Decimal(0).scaleb(-digits) for digits in range(max(_NOT_TWO) + 1))


def minor_digits(currency: str) -> int:
    """Digits after the point of a payable amount: USD 2, JPY 0, KWD 3; 2 for a currency unknown to ISO."""
    return _DIGITS.get(currency.upper(), 2)


def is_whole_minor(amount: Decimal, currency: str) -> bool:
    """Whether the amount is a whole number of minor units of the currency."""
    scale: int = 10 ** minor_digits(currency)
    return amount.as_integer_ratio()[0] * scale % amount.as_integer_ratio()[1] == 0


@dataclass(frozen=True, slots=True)
class Rounding:
    """The rounding of money in one currency: half-even, or halves away from zero."""

    digits: int
    half_up: bool = False

    def minor(self, amount: Fraction | Decimal) -> int:
        """The amount in minor units, rounded once."""
        return self.minor_of(*amount.as_integer_ratio())

    def minor_of(self, numerator: int, denominator: int) -> int:
        """A ratio as an amount in minor units. The ratio need not be in lowest terms; its denominator is positive."""
        scale: int = 10**self.digits
        whole, rest = divmod(numerator * scale, denominator)
        if 2 * rest > denominator:
            return whole + 1
        if 2 * rest < denominator:
            return whole
        return whole + (numerator >= 0 if self.half_up else whole & 1)

    def floor(self, amount: Fraction) -> int:
        """The amount in minor units, rounded down: for parts of fees and rollovers."""
        scale: int = 10**self.digits
        return amount.numerator * scale // amount.denominator

    def decimal(self, minor: int) -> Decimal:
        """Minor units as a Decimal with the currency's digits: 1234 is 12.34."""
        if not minor:
            return _ZEROS[self.digits]
        return Decimal(minor).scaleb(-self.digits, EXACT)


def rounding_of(currency: str, mode: RoundingMode | None) -> Rounding:
    """The rounding of a currency under an organization's `roundingMode` (half-even unless HALF_UP)."""
    return Rounding(minor_digits(currency), mode == "HALF_UP")


def divide(amount: int, weights: Sequence[Fraction]) -> list[int]:
    """Divide minor units by weights; residual units go to the largest remainders, ties to the earlier weight.

    The caller gives the weights in the order of their keys (account codes). Weights are >= 0; if all are 0, the first
    takes everything. A negative amount is divided like its absolute value.
    """
    if len(weights) == 1:
        return [amount]
    total = sum(weights)
    if not total:
        return [amount] + [0] * (len(weights) - 1)
    sign, rest = (-1, -amount) if amount < 0 else (1, amount)
    exact = [weight * rest / total for weight in weights]
    parts = [share.numerator // share.denominator for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[: rest - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]
