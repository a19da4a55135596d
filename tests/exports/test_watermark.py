"""Watermarks: what they say, and what is refused."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.exports.watermark import (
    BackwardWatermarksError,
    ForeignWatermarkError,
    FutureWatermarkError,
    Range,
    UnclosedWatermarkError,
    UnreadableWatermarkError,
    Watermark,
    checked_range,
)

END = Watermark("0a1b2c3d", 100)
marks = st.builds(Watermark, st.sampled_from(["0a1b2c3d", "ff"]), st.integers(0, 10**18 - 1), st.none() | st.dates())


@given(marks)
def test_a_watermark_is_read_as_it_was_printed(mark: Watermark) -> None:
    assert Watermark.read(mark.text) == mark


@pytest.mark.parametrize("text", ["", "12", "0a1b2c3d", "0a1b2c3d-", "x-1", "0a-1@2026-13-01", "0a-1@", "2026-01-01"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UnreadableWatermarkError, match="no watermark"):
        Watermark.read(text)


def test_a_range_is_all_there_is_unless_it_is_said() -> None:
    assert checked_range(None, None, END) == Range(END._replace(position=0), END)
    since = END._replace(position=7)
    assert checked_range(since, None, END) == Range(since, END) and checked_range(END, None, END).is_empty
    beyond = END._replace(position=200)
    assert checked_range(beyond, None, END, beyond).is_empty


@pytest.mark.parametrize(
    ("since", "until", "error"),
    [
        (Watermark("ff", 7), None, ForeignWatermarkError),
        (END._replace(position=101), None, FutureWatermarkError),
        (None, END._replace(position=101), FutureWatermarkError),
        (END, END._replace(position=99), BackwardWatermarksError),
        (END._replace(closed=date(2026, 2, 1)), END._replace(closed=date(2026, 1, 31)), BackwardWatermarksError),
    ],
)
def test_what_cannot_be_is_named(since: Watermark | None, until: Watermark | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        checked_range(since, until, END)


def test_a_journal_goes_from_day_to_day_so_that_none_closes_what_another_one_has() -> None:
    newest = END._replace(closed=date(2026, 3, 1))
    bare = END._replace(position=9)
    for since, until in ((None, bare), (bare, None)):
        with pytest.raises(UnclosedWatermarkError, match="0a1b2c3d-9 is of no journal"):
            checked_range(since, until, newest)
    first = END._replace(position=9, closed=date(2026, 1, 31))
    assert checked_range(None, first, newest).until == first
    assert checked_range(first, None, newest) == Range(first, newest)
    assert checked_range(first, None, END) == Range(first, END), "lines have no days"
