"""Tables of cases for prices: what is owed for so many units."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.resources.catalog import PricingBand
from projections.money import Rounding, divide, is_whole_minor, minor_digits, rounding_of
from projections.pricing import Price, price_of

Row = tuple[str, str, str]


def price(cumulative: bool, *bands: Row) -> Price:
    """Bands as (lower limit, unit price, fixed price)."""
    listed = [
        PricingBand(lower_limit=Decimal(low), unit_price=Decimal(unit), fixed_price=Decimal(fixed))
        for low, unit, fixed in bands
    ]
    return price_of(listed, cumulative=cumulative)


VOLUME_E55 = price(False, ("0", "2", "10"), ("100", "1", "0"), ("200", "0.5", "50"))
FLAT_E61 = price(False, ("0", "0", "100"), ("5", "0", "150"), ("10", "10", "0"), ("15", "5", "0"))
TIERS_E79 = price(True, ("0", "2", "0"), ("10", "3", "0"), ("20", "5", "0"))
TIERS_E71 = price(True, ("0", "2", "0"), ("5", "1", "0"))
INCLUDED_E40 = price(True, ("0", "0", "0"), ("100000", "0.02", "0"))
JUMPS = price(True, ("0", "1", "0"), ("10", "1", "50"))


@pytest.mark.parametrize(
    ("name", "priced", "units", "owed"),
    [
        *(
            ("E55", VOLUME_E55, units, owed)
            for units, owed in [("0", "0"), ("1", "12"), ("100", "210"), ("100.5", "100.5"), ("101", "101")]
        ),
        ("E55", VOLUME_E55, "200", "200"),
        ("E55", VOLUME_E55, "300", "200"),
        *(
            ("E61", FLAT_E61, units, owed)
            for units, owed in [("5", "100"), ("14", "140"), ("15", "150"), ("16", "80"), ("100", "500")]
        ),
        ("E61", FLAT_E61, "7", "150"),
        ("E79", TIERS_E79, "15", "35"),
        ("E79", TIERS_E79, "25", "75"),
        ("E71", TIERS_E71, "13", "18"),
        ("E40", INCLUDED_E40, "130000", "600"),
        ("E40", INCLUDED_E40, "60000", "0"),
        ("a fixed price is owed once its band is entered", JUMPS, "10", "10"),
        ("a fixed price is owed once its band is entered", JUMPS, "10.001", "60.001"),
        ("below zero at the first band's unit price", TIERS_E79, "-3", "-6"),
        ("nothing for nothing, whatever is fixed", price(False, ("0", "0", "9")), "0", "0"),
    ],
)
def test_a_price_charges(name: str, priced: Price, units: str, owed: str) -> None:
    assert priced.charge(Fraction(units)) == Fraction(owed), name
    assert sum(use.amount for use in priced.breakdown(Fraction(units))) == Fraction(owed)


@pytest.mark.parametrize(
    ("priced", "amount", "most", "quantity"),
    [
        (TIERS_E79, "35", "100", "15"),
        (TIERS_E79, "20", "100", "10"),
        (TIERS_E79, "35", "12", "12"),
        (TIERS_E79, "0", "100", "0"),
        (price(True, ("0", "2", "0")), "-6", "9", "-3"),
        (JUMPS, "30", "20", "10"),
        (JUMPS, "61", "20", "11"),
        (INCLUDED_E40, "0", "130000", "100000"),
        (INCLUDED_E40, "1", "99", "99"),
        (price(True, ("0", "0", "5")), "4", "9", "0"),
        (price(True, ("0", "0", "5")), "5", "9", "9"),
    ],
)
def test_how_much_an_amount_buys(priced: Price, amount: str, most: str, quantity: str) -> None:
    assert priced.affordable(Fraction(amount), Fraction(most)) == Fraction(quantity)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9), st.integers(0, 9)), max_size=4), st.fractions(0, 200))
def test_what_is_affordable_costs_no_more(bands: Sequence[tuple[int, int, int]], amount: Fraction) -> None:
    rows = {"0": ("0", "1", "0")} | {str(low): (str(low), str(unit), str(fixed)) for low, unit, fixed in bands}
    priced = price(True, *rows.values())
    quantity = priced.affordable(amount, Fraction(300))
    assert priced.charge(quantity) <= amount
    assert quantity == 300 or priced.charge(quantity + Fraction(1, 10**9)) > amount or _flat(priced, quantity)


def _flat(priced: Price, quantity: Fraction) -> bool:
    """Free bands end where the next one begins to cost."""
    return priced.charge(quantity) == priced.charge(quantity + Fraction(1, 10**9))


@pytest.mark.parametrize(
    ("amount", "digits", "half_up", "minor"),
    [
        ("0.005", 2, False, 0),
        ("0.015", 2, False, 2),
        ("0.005", 2, True, 1),
        ("-0.005", 2, True, -1),
        ("-0.005", 2, False, 0),
        ("-0.015", 2, False, -2),
        ("2.5", 0, False, 2),
        ("2.5", 0, True, 3),
        ("0.0075", 3, False, 8),
        ("1.234", 2, False, 123),
        ("-1.236", 2, False, -124),
    ],
)
def test_rounding(amount: str, digits: int, half_up: bool, minor: int) -> None:
    assert Rounding(digits, half_up).minor(Fraction(amount)) == minor


def test_minor_units_of_currencies() -> None:
    assert [minor_digits(code) for code in ("USD", "JPY", "KWD", "CLF", "XYZ")] == [2, 0, 3, 4, 2]
    assert rounding_of("JPY", "HALF_UP") == Rounding(0, True)
    assert is_whole_minor(Decimal("1.10"), "USD")
    assert not is_whole_minor(Decimal("1.1"), "JPY")
    assert str(Rounding(2).decimal(1234)) == "12.34"
    assert str(Rounding(3).decimal(-5)) == "-0.005"


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (10000, (1, 2, 3), [1667, 3333, 5000]),  # E86
        (600, (10, 5), [400, 200]),  # E85
        (1, (100, 1), [1, 0]),  # E85
        (1, (1, 1), [1, 0]),
        (-10000, (1, 2, 3), [-1667, -3333, -5000]),
        (7, (0, 0), [7, 0]),
        (5, (3,), [5]),
    ],
)
def test_dividing_an_amount(amount: int, weights: tuple[int, ...], parts: list[int]) -> None:
    assert divide(amount, [Fraction(weight) for weight in weights]) == parts


@given(st.integers(-999, 999), st.lists(st.fractions(0, 50), min_size=1, max_size=6))
def test_a_division_loses_nothing(amount: int, weights: list[Fraction]) -> None:
    parts = divide(amount, weights)
    assert sum(parts) == amount
    total = sum(weights)
    if total:
        assert all(abs(part - amount * weight / total) < 1 for part, weight in zip(parts, weights, strict=True))
