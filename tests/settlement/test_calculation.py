"""Formulas of compound aggregations: read strictly, worked out exactly (rules 3.20 and 3.21)."""

from fractions import Fraction

import pytest

from projections.calculation import (
    CalculationError,
    UndefinedError,
    calculation_of,
)
from projections.tokens import DEPTH_MAX, OPERANDS_MAX

VALUES = {"a": Fraction(7), "b": Fraction(2), "watch_seconds": Fraction(90), "none": Fraction(0)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("aggregation.a", 7),
        ("aggregation.a+aggregation.b", 9),
        ("aggregation.a - aggregation.b - 1", 4),
        ("aggregation.a + aggregation.b * 3", 13),
        ("(aggregation.a + aggregation.b) * 3", 27),
        ("aggregation.a / aggregation.b / 7", Fraction(1, 2)),
        ("aggregation.a / 3", Fraction(7, 3)),
        (" aggregation.watch_seconds\n/ 60 ", Fraction(3, 2)),
        ("-aggregation.a * -2", 14),
        ("- - +aggregation.a", 7),
        ("aggregation.a - -aggregation.b", 9),
        ("0.1 + 0.2 + aggregation.none", Fraction(3, 10)),
        ("Math.max(aggregation.a, 10, aggregation.b)", 10),
        ("Math.min(aggregation.a, aggregation.b + 1)", 3),
        ("Math.abs(aggregation.b - aggregation.a)", 5),
        ("Math.floor(aggregation.a / aggregation.b)", 3),
        ("Math.floor(-aggregation.a / aggregation.b)", -4),
        ("Math.ceil(aggregation.a / aggregation.b)", 4),
        ("Math.round(aggregation.a / aggregation.b)", 4),
        ("Math.round(-aggregation.a / aggregation.b)", -3),
    ],
)
def test_a_formula_has_its_exact_value(text: str, value: Fraction) -> None:
    assert calculation_of(text).value(VALUES) == value


def test_codes_are_named_once_in_order() -> None:
    assert calculation_of("aggregation.b / (aggregation.a + aggregation.b)").codes == ("b", "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must name an aggregation|has its end"),
        ("1 + 2", "must name an aggregation"),
        ("aggregation.a aggregation.b", "has 'aggregation.b' at character 15, where an operator or its end"),
        ("aggregation.a +", "has its end at character 16"),
        ("(aggregation.a", "has its end at character 15, where \\) is expected"),
        ("aggregation.a)", "has '\\)' at character 14"),
        ("* aggregation.a", "has '\\*' at character 1"),
        ("aggregation.a ^ 2", "must not have '\\^' at character 15"),
        ("aggregation.a ? 1 : 2", "must not have '\\?'"),
        ("aggregation.a-b", "names b at character 15"),
        ("aggregation.a.b", "names aggregation.a.b"),
        ("aggregation", "names aggregation at character 1"),
        ("a", "names a at character 1"),
        ("1e3 * aggregation.a", "has 'e3' at character 2"),
        (".5 * aggregation.a", "must not have '.' at character 1"),
        (f"{'9' * 19} * aggregation.a", "has a number at character 1 that must have at most 18 whole digits"),
        ("Math.max(aggregation.a)", "must give Math.max at character 1 two values or more"),
        ("Math.abs(aggregation.a, 1)", "must give Math.abs at character 1 one value"),
        ("Math.max aggregation.a", "where \\( is expected"),
        ("Math.max()", "has '\\)' at character 10"),
        ("__import__('os')", "names __import__ at character 1|must not have"),
        ("aggregation.a" + " + 1" * OPERANDS_MAX, f"at most {OPERANDS_MAX} numbers and aggregations"),
        ("(" * (DEPTH_MAX + 1) + "aggregation.a" + ")" * (DEPTH_MAX + 1), f"at most {DEPTH_MAX} brackets"),
    ],
)
def test_what_is_no_formula_is_refused_and_says_where(text: str, message: str) -> None:
    with pytest.raises(CalculationError, match=message):
        calculation_of(text)


def test_a_formula_may_be_as_long_and_deep_as_its_bounds() -> None:
    assert calculation_of("aggregation.a" + " + 1" * (OPERANDS_MAX - 1)).value(VALUES) == 7 + OPERANDS_MAX - 1
    assert calculation_of("(" * DEPTH_MAX + "aggregation.a" + ")" * DEPTH_MAX).value(VALUES) == 7
    assert calculation_of("-" * 1000 + "aggregation.a").value(VALUES) == 7


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("aggregation.a / aggregation.none", "it divides by 0"),
        ("1 / (aggregation.a - 7)", "it divides by 0"),
        (" * ".join(["aggregation.a", *["999999999999999999"] * 2]), "more than 36 digits"),
    ],
)
def test_a_formula_without_a_value_says_why(text: str, why: str) -> None:
    with pytest.raises(UndefinedError, match=why):
        calculation_of(text).value(VALUES)
