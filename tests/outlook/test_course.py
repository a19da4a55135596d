"""The course of what is left against one that goes day by day; paces by hand (rules 11.4 to 11.6)."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from projections.money import Rounding
from projections.outlook.forecast import Addition, course
from projections.outlook.pace import Pace, paces, sampled

PACES = st.builds(
    lambda amounts: Pace(30, len(amounts), sum(amounts), sum(amount**2 for amount in amounts)),
    st.lists(st.integers(-20, 60), min_size=1, max_size=30),
)


@given(PACES, st.integers(0, 500), st.dictionaries(st.integers(1, 40), st.integers(1, 200), max_size=4), st.data())
def test_it_is_what_day_by_day_comes_to(pace: Pace, left: int, added: dict[int, int], data: st.DataObject) -> None:
    use = data.draw(st.sampled_from([pace.use, pace.most]))
    last = data.draw(st.integers(max(added, default=0), 60))
    computed = course(left, [Addition(*day_and_amount) for day_and_amount in sorted(added.items())], last, use)
    remaining, uncovered, runs_out = left, 0, None
    for day in range(1, last + 1):
        there = remaining + added.get(day, 0)
        remaining = there - (use(day) - use(day - 1))
        uncovered, remaining = uncovered + max(0, -remaining), max(0, remaining)
        runs_out = day if runs_out is None and there and not remaining else runs_out
        assert computed.left_on(day) == remaining
    assert (computed.left, computed.uncovered, computed.runs_out) == (remaining, uncovered, runs_out)
    assert computed.covered == use(last) - uncovered and computed.left_on(0) == left


def test_what_is_used_up_runs_out_only_after_something_is_added() -> None:
    ten_a_day = Pace(7, 7, 70, 700).use
    assert course(0, [], 30, ten_a_day).runs_out is None
    assert course(0, [Addition(5, 25)], 30, ten_a_day).runs_out == 7
    assert course(10, [Addition(5, 25)], 30, ten_a_day).runs_out == 1


@given(PACES, st.integers(0, 400))
def test_the_middle_lies_in_its_band_and_more_days_use_no_less(pace: Pace, days: int) -> None:
    assert 0 <= pace.least(days) <= pace.use(days) <= pace.most(days)
    assert pace.use(days) <= pace.use(days + 1) and pace.most(days) <= pace.most(days + 1)
    assert pace.spread(days) ** 2 >= 4 * pace.variance * days * (1 + Fraction(days, pace.days))
    assert pace.use(days) == round(pace.mean * days)
    assert pace.spread(0) == pace.use(0) == 0


def test_windows_look_at_the_days_of_the_term_alone() -> None:
    last = date(2026, 3, 1)
    used = {last - timedelta(days=number): 10 + number for number in range(120)}
    week, month, quarter = paces(used, date(2025, 1, 1), last)
    assert (week.days, week.total) == (7, sum(range(10, 17)))
    assert (month.days, quarter.days, quarter.total) == (30, 90, sum(range(10, 100)))
    assert [pace.days for pace in paces(used, last - timedelta(days=9), last)] == [7, 10, 10]
    assert paces(used, last + timedelta(days=1), last) == []


def test_a_pace_is_shown_with_two_digits_more_than_can_be_paid() -> None:
    pace = Pace(7, 3, 100, 5000)
    assert pace.per_day(Rounding(2)) == Decimal("0.3333") and pace.per_day(Rounding(0)) == Decimal("33.33")
    assert pace.deviation(Rounding(0)) == Decimal("28.86")
    assert Pace(7, 1, 100, 10000).deviation(Rounding(0)) == 0
    assert Pace(7, 2, -5, 25).use(100) == 0


def test_points_are_few_and_hold_what_is_asked_for() -> None:
    assert sampled(0, {5}) == [0]
    samples = sampled(1000, {17, 2000})
    assert samples[0] == 0 and samples[-1] == 1000 and 17 in samples and 2000 not in samples and len(samples) <= 34
