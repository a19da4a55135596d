"""Conditions on the fields of an event: read strictly, worked out exactly."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.alerts.condition import ConditionError, condition_of

EVENT: dict[str, Any] = {
    "new": {
        "amount": Decimal("120.10"), "currency": "USD", "startDate": "2026-01-01", "customFields": {"seats": 3},
        "separateOverageUsage": True, "productIds": ["a"],
    },
    "old": {"amount": Decimal(100), "currency": "USD"},
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "new.amount > 120",
        "new.amount == 120.1",
        "new.amount - old.amount >= 20.1 AND new.currency == 'USD'",
        "new.amount * 0.5 < old.amount",
        "-new.amount < 0",
        "new.amount / 2 + old.amount / 2 == 110.05",
        "new.customFields.seats == 3",
        "new.startDate >= '2026-01-01' AND new.startDate < \"2027-01-01\"",
        "new.separateOverageUsage",
        "new.separateOverageUsage == true",
        "new.endDate == null",
        "new.endDate != '2026-01-01'",
        "old.amount > 500 OR new.amount > 120 AND new.currency != 'EUR'",
        "(old.amount > 500 OR new.amount > 120) AND true",
        "Math.max(new.amount, old.amount, 7) == 120.1 AND Math.min(new.amount, old.amount) == 100",
        "Math.floor(new.amount) == 120 AND Math.ceil(new.amount) == 121 AND Math.round(new.amount) == 120",
        "Math.abs(old.amount - new.amount) == 20.1",
        "Math.round(-2.5) == -2 AND Math.round(2.5) == 3",
        "isnull(new.missing, 5) == 5 AND isnull(new.currency, 'EUR') == 'USD'",
        "new.amount % 20 == 0.1 AND -7 % 3 == -1 AND 7 % -3 == 1",
        "Math.max(isnull(old.missing, 0), 1) == 1",
    ],
)
def test_what_holds(text: str) -> None:
    assert condition_of(text).holds(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "new.amount > 120.1",
        "new.amount",
        "new.missing > 0",
        "Math.max(new.missing, 5) == 5",
        "Math.abs(new.currency) >= 0",
        "new.amount % 0 == 0",
        "isnull(new.missing, old.missing) > 0",
        "new.missing <= 0",
        "new.currency > 3",
        "new.currency + 1 == 1",
        "new.amount / 0 == new.amount",
        "new.amount / 0 > 1 OR false",
        "new.productIds == 'a'",
        "new.amount == '120.10'",
        "true AND new.amount",
        "old.amount > 50 AND (new.amount < 100 OR new.currency == 'EUR')",
    ],
)
def test_what_does_not_hold(text: str) -> None:
    assert not condition_of(text).holds(EVENT)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has its end at character 1"),
        ("new.amount >", "has its end at character 13"),
        ("amount > 1", "has 'amount' at character 1"),
        ("new.amount > 1 2", "has '2' at character 16, where an operator or its end is expected"),
        ("new.amount & 1", "must not have '&' at character 12"),
        ("(new.amount > 1", "where ) is expected"),
        ("new.amount > 1 > 2", "has '>' at character 16"),
        ("new > 1", "has 'new' at character 1"),
        ("new.amount > 1234567890123456789", "has a number at character 14"),
        ("Math.abs(1, 2) > 0", "must give Math.abs at character 1 one value"),
        ("isnull(new.a) == 1", "must give isnull at character 1 two values"),
        ("Math.pow(2, 3) > 1", "has 'Math.pow' at character 1"),
        ("Math.max(1, 2 > 1", "where ) is expected"),
        ("(" * 21 + "1" + ")" * 21, "at most 20 brackets"),
        ("+".join(["1"] * 101), "at most 100 values"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ConditionError) as raised:
        condition_of(text)
    assert why in str(raised.value)


def test_it_says_which_fields_it_names() -> None:
    assert condition_of("new.a > 1 AND old.b.c == new.a").fields == ("new.a", "old.b.c")


NUMBERS = st.decimals(-1000, 1000, places=2)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_arithmetic_is_exact_and_has_its_order(a: Decimal, b: Decimal, c: Decimal) -> None:
    event = {"new": {"a": a, "b": b, "c": c}}
    expected = Fraction(a) + Fraction(b) * Fraction(c) > Fraction(c) - Fraction(a)
    assert condition_of("new.a + new.b * new.c > new.c - new.a").holds(event) == expected
    if c:
        assert condition_of("new.a / new.c * new.c == new.a").holds(event)
