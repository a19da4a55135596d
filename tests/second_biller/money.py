"""Minor units, the two rounding modes, and dividing one rounded amount."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

_NO_DECIMALS = {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
                "XOF", "XPF"}  # fmt: skip
_THREE_DECIMALS = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
_FOUR_DECIMALS = {"CLF", "UYW"}


def decimals_of(currency: str) -> int:
    if currency in _NO_DECIMALS:
        return 0
    if currency in _THREE_DECIMALS:
        return 3
    return 4 if currency in _FOUR_DECIMALS else 2


def unit_of(currency: str) -> Fraction:
    return Fraction(1, 10 ** decimals_of(currency))


def is_whole(amount: Fraction, currency: str) -> bool:
    return (amount / unit_of(currency)).denominator == 1


def round_money(amount: Fraction, currency: str, mode: str) -> Fraction:
    unit = unit_of(currency)
    steps = amount / unit
    low = steps.numerator // steps.denominator
    rest = steps - low
    half = Fraction(1, 2)
    if rest > half:
        low += 1
    elif rest == half:
        if mode == "HALF_UP":
            low += 1 if amount > 0 else 0
        else:
            low += low % 2
    return low * unit


def floor_money(amount: Fraction, currency: str) -> Fraction:
    unit = unit_of(currency)
    return (amount // unit) * unit


def divide(amount: Fraction, weights: Mapping[str, Fraction], home: str, currency: str) -> dict[str, Fraction]:
    """One rounded amount by weights; what is left over by largest remainder, ties by key."""
    total = sum(weights.values(), Fraction(0))
    if total == 0:
        return {name: amount if name == home else Fraction(0) for name in weights}
    unit = unit_of(currency)
    sign = -1 if amount < 0 else 1
    steps = abs(amount) / unit
    exact = {name: steps * weight / total for name, weight in weights.items()}
    given = {name: share.numerator // share.denominator for name, share in exact.items()}
    left = int(steps) - sum(given.values())
    by_remainder = sorted(weights, key=lambda name: (-(exact[name] - given[name]), name))
    for name in by_remainder[:left]:
        given[name] += 1
    return {name: sign * count * unit for name, count in given.items()}


def split_down(amount: Fraction, weights: Sequence[Fraction], currency: str) -> list[Fraction]:
    """Parts by weight, each but the last rounded down; the last is what is left."""
    total = sum(weights, Fraction(0))
    parts = [floor_money(amount * weight / total, currency) for weight in weights[:-1]]
    return [*parts, amount - sum(parts, Fraction(0))]


def show(amount: Fraction, currency: str) -> str:
    places = decimals_of(currency)
    text = int(amount / unit_of(currency))
    return str(Decimal(text).scaleb(-places).quantize(Decimal(1).scaleb(-places)))


def show_number(value: Fraction) -> str:
    """A quantity; twelve places where it does not end."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        value = Fraction(round(value * 10**12), 10**12)
    text = f"{Decimal(value.numerator) / Decimal(value.denominator):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
