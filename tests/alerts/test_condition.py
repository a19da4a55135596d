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
        "2 ^ 10 == 1024 AND Math.pow(2, 10) == 1024 AND Math.pow(0.5, 2) == 0.25",
        "2 ^ 3 ^ 2 == 512 AND -2 ^ 2 == -4 AND (-2) ^ 2 == 4 AND 2 ^ -1 == 0.5 AND 2 * 3 ^ 2 == 18",
        "0 ^ 0 == 1 AND 0 ^ 5 == 0 AND (-1) ^ 1000001 == -1 AND 1 ^ 999999999999 == 1",
        "new.currency == 'USD' ? new.amount > 100 : new.amount > 90",
        "new.currency == 'EUR' ? false : new.amount > 90",
        "(old.amount > 500 ? 1 : old.amount > 50 ? 2 : 3) == 2",
        "(new.missing ? 'a' : 'b') == 'b' AND (new.amount ? 1 : 2) == 2",
        "(true ? false ? 1 : 2 : 3) == 2",
        "IN(new.currency, 'EUR', 'USD') AND IN(old.amount, 1, 99 + 1) AND IN(new.missing, 1, null)",
        "IN('completed', 'completed', 'succeeded') ? true : false",
        "Math.round(1234.567, 2) == 1234.57 AND Math.round(1234.5, -2) == 1200 AND Math.round(-2.45, 1) == -2.4",
        "Math.floor(-1.55, 1) == -1.6 AND Math.ceil(1.001, 2) == 1.01 AND Math.ceil(101, -2) == 200",
        "Math.PI > 3.14159265358979 AND Math.PI < 3.1415926535898 AND DateTime.TS_FMT != null",
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
        "2 ^ 0.5 > 0",
        "Math.pow(0, -1) == Math.pow(0, -1) + 0 AND Math.pow(0, -1) > 0",
        "10 ^ 99999 > 1",
        "new.currency ^ 2 == 1",
        "new.amount ^ new.missing > 0",
        "new.missing ? true : false",
        "IN(new.currency, 'usd', 'EUR')",
        "IN(old.amount, '100')",
        "Math.round(1.5, 0.5) > 0",
        "Math.round(1.5, 99) > 0",
        "Math.round(1.5, null) > 0",
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
        ("Math.pow(2) > 1", "must give Math.pow at character 1 two values"),
        ("Math.round(1, 2, 3) > 1", "must give Math.round at character 1 one value or two"),
        ("IN(new.a)", "must give IN at character 1 two values or more"),
        ("Math.sqrt(2) > 1", "has 'Math.sqrt' at character 1, where a number, a text, new.<field>"),
        ("Math.sqrt(2) > 1", "or one of Math.max, Math.min, Math.abs"),
        ("(string) new.a == '1'", "has 'string' at character 2"),
        ("new.a ? 1", "has its end at character 10, where : is expected"),
        ("new.a : 1", "has ':' at character 7, where an operator or its end is expected"),
        ("new.a ? : 1", "has ':' at character 9"),
        ("2 ^ > 1", "has '>' at character 5"),
        ("2 ** 3 > 1", "has '*' at character 4"),
        ("Math.PI(1) > 1", "has '(' at character 8"),
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


WHOLE = st.integers(-12, 12)


@given(NUMBERS, WHOLE, WHOLE)
def test_powers_are_exact_and_add_up(a: Decimal, m: int, n: int) -> None:
    event = {"new": {"a": a, "m": m, "n": n}}
    if a or min(m, n, m + n) >= 0:
        assert condition_of("new.a ^ new.m * new.a ^ new.n == new.a ^ (new.m + new.n)").holds(event)
        assert condition_of("Math.pow(new.a, new.m) == new.a ^ new.m").holds(event)
        expected = Fraction(a) ** m > Fraction(a) ** n
        assert condition_of("new.a ^ new.m > new.a ^ new.n").holds(event) == expected


@given(NUMBERS, NUMBERS, st.integers(-3, 3))
def test_rounding_goes_to_the_nearest_of_its_scale_and_lies_between_floor_and_ceil(
    a: Decimal, b: Decimal, scale: int
) -> None:
    event = {"new": {"a": a, "b": b, "s": scale}}
    unit = Fraction(10) ** -scale
    rounded = (Fraction(a) / unit + Fraction(1, 2)).__floor__() * unit
    assert condition_of("Math.round(new.a, new.s) == new.b").holds({"new": {**event["new"], "b": rounded}})
    assert condition_of("Math.floor(new.a, new.s) <= new.a AND new.a <= Math.ceil(new.a, new.s)").holds(event)
    assert condition_of("Math.ceil(new.a, new.s) - Math.floor(new.a, new.s) <= 10 ^ -new.s").holds(event)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_choice_is_its_condition_and_its_negation(a: Decimal, b: Decimal, c: Decimal) -> None:
    event = {"new": {"a": a, "b": b, "c": c}}
    assert condition_of("(new.a > new.b ? new.a : new.b) == Math.max(new.a, new.b)").holds(event)
    expected = a in (b, c)
    assert condition_of("IN(new.a, new.b, new.c)").holds(event) == expected
    assert condition_of("IN(new.a, new.b, new.c) ? false : true").holds(event) == (not expected)


WORDS = ["1", "2", "new.a", "new.b", "'x'", "null", "true", "(", ")", ",", "?", ":", "^", "-", "*", "/", "%", "==", ">"]


@given(st.lists(st.sampled_from([*WORDS, "AND", "OR", "IN", "Math.pow", "Math.round", "isnull"]), max_size=24))
def test_whatever_is_written_is_read_or_refused(words: list[str]) -> None:
    try:
        condition = condition_of(" ".join(words))
    except ConditionError as error:
        assert " at character " in str(error) or "must have at most" in str(error)
    else:
        assert condition.holds({"new": {"a": 3, "b": Decimal("0.5")}}) in (True, False)


def test_a_long_condition_has_its_bounds() -> None:
    """Whatever it is nested in, it is read, and worked out at once."""
    choices = " : ".join(f"new.a == {number} ? {number}" for number in range(30)) + " : 0"
    assert condition_of(f"({choices}) == 29").holds({"new": {"a": 29}})
    tower = " ^ ".join(["2"] * 99)
    assert not condition_of(f"{tower} > 0").holds({})
    assert not condition_of(f"({' * '.join(['(2 ^ 2000)'] * 49)}) ^ 2 > 0").holds({})
