"""Which of several prices holds on which days (rules 3): the plan's own, then the one that starts last."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.calendar import Period, days_of
from projections.rating.timelines import Candidate, held_days, timeline

START, END = date(2026, 1, 1), date(2026, 2, 1)
Told = tuple[str, int, int | None, bool]
Held = tuple[str, int, int | None]


def on(day: int) -> date:
    return START + timedelta(days=day - 1)


def candidates(told: list[Told]) -> list[Candidate[str]]:
    return [
        Candidate(on(start), None if end is None else on(end), own, position, name)
        for position, (name, start, end, own) in enumerate(told)
    ]


@pytest.mark.parametrize(
    ("told", "held"),
    [
        ([("a", 1, None, True)], [("a", 1, 32)]),
        ([("a", -30, 90, True)], [("a", 1, 32)]),
        ([("a", 5, 9, True)], [("a", 5, 9)]),
        ([("a", 5, 5, True)], []),
        ([("a", 9, 5, True)], []),
        ([("a", 32, None, True)], []),
        ([("a", -9, 1, True)], []),
        ([("a", 1, None, True), ("b", 11, None, True)], [("a", 1, 11), ("b", 11, 32)]),
        ([("a", 1, None, True), ("b", 11, 21, True)], [("a", 1, 11), ("b", 11, 21), ("a", 21, 32)]),
        ([("a", 1, 11, True), ("b", 21, None, True)], [("a", 1, 11), ("b", 21, 32)]),
        ([("a", 1, None, True), ("b", 1, None, True)], [("b", 1, 32)]),
        # The template's is what the plan's own leaves, however late it starts; its edges cut nothing.
        ([("own", 1, None, True), ("template", 11, 21, False)], [("own", 1, 32)]),
        ([("own", 11, 21, True), ("base", 1, None, False)], [("base", 1, 11), ("own", 11, 21), ("base", 21, 32)]),
    ],
)  # fmt: skip
def test_the_price_of_each_day(told: list[Told], held: list[Held]) -> None:
    expected = tuple((on(start), None if end is None else on(end), name) for name, start, end in held)
    assert timeline(candidates(told), START, END) == expected


def test_a_price_without_end_under_a_plan_without_end_has_none() -> None:
    told = candidates([("a", 1, None, True), ("b", 11, None, True)])
    assert timeline(told, START, None) == ((on(1), on(11), "a"), (on(11), None, "b"))


def test_a_price_that_comes_back_is_one_charge_of_two_runs() -> None:
    spans = timeline(candidates([("a", 1, None, True), ("b", 11, 21, True)]), START, END)
    runs = held_days(spans, Period(on(6), on(26)))
    assert runs == [("a", [Period(on(6), on(11)), Period(on(21), on(26))]), ("b", [Period(on(11), on(21))])]
    assert held_days(spans, Period(on(40), on(50))) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"), st.integers(-5, 40), st.one_of(st.none(), st.integers(-5, 45)), st.booleans()
        ),
        max_size=6,
        unique_by=lambda entry: entry[0],
    )
)
def test_on_every_day_the_first_in_order_holds(told: list[Told]) -> None:
    """Day by day, as the rule says it, and no two spans of one price side by side."""
    listed = candidates(told)
    spans = timeline(listed, START, END)
    for day in days_of(Period(START, END)):
        valid = [entry for entry in listed if entry.start <= day and (entry.end is None or day < entry.end)]
        best = [max(valid, key=lambda entry: (entry.own, entry.start, entry.position)).pricing] if valid else []
        assert [name for start, end, name in spans if start <= day and (end is None or day < end)] == best
    side_by_side = ((name, following) for (_, end, name), (start, _, following) in pairwise(spans) if end == start)
    assert all(name != following for name, following in side_by_side)
