"""Totals of usage: the same whatever the order, the grouping and the number of records they came in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.resources.catalog import AggregationFunction
from events.resources.catalog import Rounding as UnitRounding
from projections.aggregates import (
    DayState,
    MeterAggregation,
    contributions,
    merge,
    merge_all,
    segment_text,
    units,
    value,
)

FUNCTIONS: tuple[AggregationFunction, ...] = get_args(AggregationFunction)
START = datetime(2026, 1, 1, tzinfo=UTC)
numbers = st.decimals(-1000, 1000, places=3)


def state_of(function: AggregationFunction, number: Decimal, minute: int) -> DayState:
    aggregation = MeterAggregation("a", function, "q", ())
    [contribution] = contributions([aggregation], {"q": number}, {}, START + timedelta(minutes=minute), f"id-{minute}")
    return contribution.value


@given(st.sampled_from(FUNCTIONS), st.lists(numbers, min_size=1, max_size=8), st.data())
def test_states_merge_in_any_order_and_grouping(
    function: AggregationFunction, measured: Sequence[Decimal], data: st.DataObject
) -> None:
    states = [state_of(function, number, minute) for minute, number in enumerate(measured)]
    together = reduce(lambda first, second: merge(function, first, second), states)
    shuffled = data.draw(st.permutations(states))
    cut = data.draw(st.integers(0, len(states)))
    halves = [half for half in (merge_all(function, shuffled[:cut]), merge_all(function, shuffled[cut:])) if half]
    assert reduce(lambda first, second: merge(function, first, second), halves) == together
    assert DayState.from_json(together.to_json()) == together


@pytest.mark.parametrize(
    ("function", "expected"),
    [("SUM", "21"), ("COUNT", "3"), ("MIN", "4"), ("MAX", "10"), ("LATEST", "7"), ("MEAN", "7"), ("UNIQUE", "3")],
)
def test_what_each_function_measures(function: AggregationFunction, expected: str) -> None:
    states = [state_of(function, Decimal(number), minute) for minute, number in ((5, 4), (6, 10), (9, 7))]
    assert value(function, merge_all(function, states)) == Fraction(expected)


def test_split_usage_sums_to_the_same() -> None:
    whole = state_of("SUM", Decimal("0.3"), 1)
    parts = merge_all("SUM", [state_of("SUM", Decimal("0.1"), minute) for minute in range(3)])
    assert value("SUM", whole) == value("SUM", parts)


def test_latest_ties_go_to_the_greater_id() -> None:
    aggregation = MeterAggregation("a", "LATEST", "q", ())
    [first] = contributions([aggregation], {"q": Decimal(1)}, {}, START, "b")
    [second] = contributions([aggregation], {"q": Decimal(2)}, {}, START, "a")
    assert value("LATEST", merge("LATEST", first.value, second.value)) == 1


def test_unique_counts_numbers_by_value_and_texts_by_text() -> None:
    assert value("UNIQUE", merge_all("UNIQUE", [state_of("UNIQUE", Decimal(n), 0) for n in ("7", "7.0", "8")])) == 2
    aggregation = MeterAggregation("a", "UNIQUE", "who", ())
    texts = [contributions([aggregation], {}, {"who": who}, START, "x")[0].value for who in ("ann", "bob", "ann")]
    assert value("UNIQUE", merge_all("UNIQUE", texts)) == 2


def test_a_record_without_the_field_or_with_a_text_for_a_number_adds_nothing() -> None:
    listed = [MeterAggregation("a", function, "q", ()) for function in FUNCTIONS]
    assert contributions(listed, {"other": Decimal(1)}, {}, START, "x") == []
    counted = contributions(listed, {}, {"q": "seven"}, START, "x")
    assert len(counted) == 2
    assert value("SUM", merge_all("SUM", [])) == 0


def test_a_segment_has_one_text() -> None:
    aggregation = MeterAggregation("a", "SUM", "q", ("region", "tier"))
    [contribution] = contributions(
        [aggregation], {"q": Decimal(1), "tier": Decimal("2.0")}, {"region": "eu"}, START, "x"
    )
    assert contribution.segment == segment_text({"tier": "2", "region": "eu"}) == '{"region":"eu","tier":"2"}'
    assert segment_text({}) == ""


@pytest.mark.parametrize(
    ("quantity", "per_unit", "rounding", "expected"),
    [
        ("48900", "500", "UP", "98"),
        ("48900", "500", "DOWN", "97"),
        ("1050", "100", "NEAREST", "11"),
        ("1049", "100", "NEAREST", "10"),
        ("10", "4", "NONE", "2.5"),
        ("4.6", "1", "DOWN", "4"),
        ("0", "3", "UP", "0"),
    ],
)
def test_units_of_a_quantity(quantity: str, per_unit: str, rounding: UnitRounding, expected: str) -> None:
    assert units(Fraction(quantity), Fraction(per_unit), rounding) == Fraction(expected)
