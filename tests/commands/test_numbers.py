"""Numbers of bodies as JSON libraries write doubles: prices, percents, quantities and custom fields take all of them.

Amounts are money that is paid: finer than the currency's minor unit they are refused by that rule (`test_terms`).
"""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.decimals import parse_decimal
from services.api.wire import body_document, encode, parse_object
from services.commands.bodies import parse_body
from services.commands.refused import InvalidBody
from tests.commands.world import document

ID = "0" * 36
PRICE = st.one_of(st.floats(0, 1e9), st.floats(0, 1e-6), st.sampled_from([0.1 + 0.2, 1 / 3, 1e-7 / 3, 5e-324]))


def sent(kind: str, **more: Any) -> Any:
    """The body after it came over HTTP."""
    return parse_body(kind, parse_object(json.dumps(document(kind, **more)).encode()))


@given(PRICE, PRICE)
def test_any_double_is_a_price(unit: float, fixed: float) -> None:
    band = {"lowerLimit": 0, "fixedPrice": fixed, "unitPrice": unit}
    [kept] = sent("pricing", aggregationId=ID, planId=ID, pricingBands=[band]).pricing_bands
    assert (kept.fixed_price, kept.unit_price) == (parse_decimal(fixed), parse_decimal(unit))


@given(st.floats(1e-12, 1e12), st.floats(-100, 1e6))
def test_any_double_is_a_quantity_per_unit_and_a_percentage(per: float, percent: float) -> None:
    assert sent("aggregation", meterId=ID, quantityPerUnit=per).quantity_per_unit == parse_decimal(per)
    body = sent("commitment", accountId=ID, overageSurchargePercent=percent)
    assert body.overage_surcharge_percent == parse_decimal(percent)


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda double: abs(double) < 1e300))
def test_a_custom_field_keeps_its_double_to_the_bit(double: float) -> None:
    answered = json.loads(encode(body_document(sent("product", customFields={"x": double}))))["customFields"]["x"]
    assert answered == (double if abs(double) > 1e-300 else 0)


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda double: 1 <= abs(double) < 1e299))
def test_a_custom_field_takes_its_double_written_in_full(double: float) -> None:
    """As the store answers it after a create, and as JavaScript writes all below 1e21."""
    in_full = int(Decimal(repr(double)))
    body = sent("product", customFields={"x": in_full})
    kept = json.loads(encode(body_document(body)))["customFields"]["x"]
    assert kept == (double if abs(double) >= 2**63 else in_full)
    assert parse_body("product", parse_object(encode(body_document(body)))) == body


@pytest.mark.parametrize("double", [5e-324, 2.2250738585072009e-308, 0.1, 1.7976931348623157e299, -1 / 3])
def test_any_double_may_be_written_in_full(double: float) -> None:
    [kept] = parse_object(b'{"x": %b}' % f"{Decimal(double):f}".encode()).values()
    assert kept == (Decimal(double) if abs(double) > 1e-300 else 0)


def test_a_quantity_that_rounds_to_nothing_is_refused_by_the_rule_for_nothing() -> None:
    with pytest.raises(InvalidBody, match="quantityPerUnit: must be greater than 0"):
        sent("aggregation", meterId=ID, quantityPerUnit=1e-19)


@pytest.mark.parametrize("text", ["1e18", "1e299", "999999999999999999.99999999999999999999"])
def test_more_than_eighteen_whole_digits_are_refused_by_field(text: str) -> None:
    with pytest.raises(InvalidBody, match="amount: must have at most 18 whole digits"):
        parse_body("commitment", document("commitment", accountId=ID, amount=Decimal(text)))
