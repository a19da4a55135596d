"""A total with another state of a day in it: told by the difference where there is one, else added up again."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.resources.catalog import AggregationFunction
from projections.aggregates import difference, merge, merge_all
from tests.settlement.test_aggregates import FUNCTIONS, numbers, state_of
from tests.settlement.test_by_change import DAYS_OF_USAGE, after_more, by_change, usage_on


@given(st.sampled_from(FUNCTIONS), st.lists(numbers, min_size=3, max_size=8))
def test_a_difference_puts_one_state_in_the_place_of_another(
    function: AggregationFunction, measured: Sequence[Decimal]
) -> None:
    before, after, *others = (state_of(function, number, minute) for minute, number in enumerate(measured))
    change = difference(function, before, after)
    if function in {"SUM", "COUNT", "MEAN"}:
        assert change is not None
        total = merge_all(function, [before, *others])
        assert total is not None
        assert merge(function, total, change) == merge_all(function, [after, *others])
    else:
        assert change is None, "what was the greatest, least, latest or one of many cannot be told from a total"


@pytest.mark.parametrize("function", ["COUNT", "MIN", "MAX", "MEAN", "LATEST", "UNIQUE"])
@pytest.mark.parametrize("first", DAYS_OF_USAGE)
def test_more_usage_of_any_function_is_settled_by_what_moved(function: str, first: date) -> None:
    lived, kept = after_more(usage_on(first), usage_on(date(2026, 1, 11), n=40), function=function)
    assert by_change(lived, kept)
