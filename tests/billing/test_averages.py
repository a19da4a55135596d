"""The average price of a unit, which a line shows beside its amount."""

from decimal import Decimal

from services.billing.bill_document import average


def test_it_has_six_places_and_is_0_without_units() -> None:
    assert str(average(Decimal("10.00"), Decimal(3))) == "3.333333"
    assert average(Decimal("5.00"), Decimal(0)) == 0


def test_a_fixed_price_over_the_rest_of_a_sum_of_doubles_has_an_average_too() -> None:
    """0.3 and some 1e-12 more, less 0.3: what is left enters a band with a fixed price."""
    assert str(average(Decimal("12345678901.00"), Decimal("0.000000000001"))) == "12345678901000000000000.000000"
