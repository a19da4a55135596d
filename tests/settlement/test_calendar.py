"""Days and periods: grids in both directions, months' ends, leap days, zones with summer time."""

from calendar import isleap, monthrange
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.resources.catalog import Frequency
from events.zones import time_zone
from projections.calendar import Period, add_months, bill_date_of, days_of, grid, local_day, named_day, named_days


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("frequency", "interval", "epoch", "inside", "start", "end"),
    [
        ("MONTHLY", 1, None, "2026-02-15", "2026-02-01", "2026-03-01"),
        ("MONTHLY", 1, "2026-01-31", "2026-02-27", "2026-01-31", "2026-02-28"),
        ("MONTHLY", 1, "2026-01-31", "2026-02-28", "2026-02-28", "2026-03-31"),
        ("MONTHLY", 1, "2026-01-31", "2024-02-29", "2024-02-29", "2024-03-31"),
        ("MONTHLY", 3, "2026-04-15", "2026-05-20", "2026-04-15", "2026-07-15"),
        ("MONTHLY", 3, "2026-04-15", "2026-04-14", "2026-01-15", "2026-04-15"),
        ("MONTHLY", 2, "2030-06-10", "2026-01-01", "2025-12-10", "2026-02-10"),
        ("ANNUALLY", 1, "2024-02-29", "2025-02-28", "2025-02-28", "2026-02-28"),
        ("ANNUALLY", 1, "2024-02-29", "2028-02-28", "2027-02-28", "2028-02-29"),
        ("ANNUALLY", 2, None, "2026-07-01", "2026-01-01", "2028-01-01"),
        ("WEEKLY", 1, None, "2026-01-04", "2025-12-29", "2026-01-05"),
        ("WEEKLY", 1, None, "2026-01-05", "2026-01-05", "2026-01-12"),
        ("WEEKLY", 2, "2026-01-07", "2026-01-01", "2025-12-24", "2026-01-07"),
        ("DAILY", 1, None, "2026-01-01", "2026-01-01", "2026-01-02"),
        ("DAILY", 10, "2026-01-01", "2025-12-31", "2025-12-22", "2026-01-01"),
    ],
)
def test_the_period_that_holds_a_day(
    frequency: Frequency, interval: int, epoch: str | None, inside: str, start: str, end: str
) -> None:
    periods = grid(frequency, interval, None if epoch is None else day(epoch))
    assert periods.period(periods.number(day(inside))) == Period(day(start), day(end))


@given(
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY"]),
    st.integers(1, 14),
    st.dates(day("1950-01-01"), day("2080-12-31")),
    st.dates(day("1950-01-01"), day("2080-12-31")),
)
def test_every_day_lies_in_exactly_its_period(frequency: Frequency, interval: int, epoch: date, inside: date) -> None:
    periods = grid(frequency, interval, epoch)
    number = periods.number(inside)
    assert periods.period(number).holds(inside)
    assert periods.period(number).end == periods.period(number + 1).start
    assert periods.start(0) == epoch


@pytest.mark.parametrize("frequency", ["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY"])
def test_beyond_the_calendar_a_period_starts_on_its_last_or_first_day(frequency: Frequency) -> None:
    periods = grid(frequency, 1, day("2026-01-01"))
    assert (periods.start(4_000_000), periods.start(-4_000_000)) == (date.max, date.min)


@given(
    st.integers(1, 30),
    st.dates(day("1950-01-01"), day("2080-12-31")),
    st.integers(-400, 400),
)
def test_months_keep_the_epochs_day_or_end_with_the_month(interval: int, epoch: date, number: int) -> None:
    """On the 31st of an epoch a period starts on the 30th, 28th or 29th of shorter months, and on the 31st again."""
    start = grid("MONTHLY", interval, epoch).start(number)
    last = start.day == monthrange(start.year, start.month)[1]
    assert start.day == epoch.day or (last and start.day < epoch.day)
    assert (start.year - epoch.year) * 12 + start.month - epoch.month == number * interval


@given(st.integers(1, 9), st.integers(1952, 2080), st.integers(-20, 20))
def test_years_from_a_leap_day_start_on_the_last_of_february(interval: int, year: int, number: int) -> None:
    epoch = date(year - year % 4, 2, 29)
    start = grid("ANNUALLY", interval, epoch).start(number)
    assert (start.year, start.month) == (epoch.year + number * interval, 2)
    assert start.day == (29 if isleap(start.year) else 28)


@given(
    st.sampled_from(["America/New_York", "Europe/Berlin", "Pacific/Auckland", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.dates(day("1980-01-01"), day("2080-12-31")),
    st.integers(0, 9999),
)
def test_a_day_lasts_from_its_midnight_to_the_next(zone: str, inside: date, part: int) -> None:
    """Of 23 hours, 25 or any other number: every instant between two midnights lies in the first one's day."""
    opens, closes = (
        datetime.combine(day, time(), time_zone(zone)).astimezone(UTC) for day in (inside, inside + timedelta(days=1))
    )
    assert local_day(opens + (closes - opens) * part / 10_000, zone) == inside
    assert local_day(closes, zone) == inside + timedelta(days=1)


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-02-01T04:59:59Z", "America/New_York", "2026-01-31"),
        ("2026-02-01T05:00:00Z", "America/New_York", "2026-02-01"),
        ("2026-04-01T03:59:59Z", "America/New_York", "2026-03-31"),
        ("2026-04-01T04:00:00Z", "America/New_York", "2026-04-01"),
        ("2026-01-31T11:00:00Z", "Pacific/Auckland", "2026-02-01"),
        ("2026-07-31T12:00:00Z", "Pacific/Auckland", "2026-08-01"),
        ("2026-07-31T11:59:59Z", "Pacific/Auckland", "2026-07-31"),
    ],
)
def test_the_day_of_an_instant(moment: str, zone: str, expected: str) -> None:
    assert local_day(datetime.fromisoformat(moment).astimezone(UTC), zone) == day(expected)


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-01-01T00:00:00Z", "America/New_York", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "Pacific/Auckland", "2026-01-01"),
        ("2025-12-31T19:00:00-05:00", "America/New_York", "2026-01-01"),
        ("2026-01-01T05:00:00Z", "America/New_York", "2026-01-01"),
        ("2026-01-01T04:59:59Z", "America/New_York", "2025-12-31"),
        ("2026-01-01T00:00:00.000001Z", "America/New_York", "2025-12-31"),
        ("2025-12-31T11:00:00Z", "Pacific/Auckland", "2026-01-01"),
    ],
)
def test_a_date_time_names_a_day_midnight_utc_the_calendars(moment: str, zone: str, expected: str) -> None:
    assert named_day(datetime.fromisoformat(moment), zone) == day(expected)


def test_a_day_names_itself_in_any_zone() -> None:
    assert named_day(day("2026-01-01"), "Pacific/Auckland") == day("2026-01-01")
    assert named_days(day("2026-01-01"), None, "Pacific/Auckland") == (day("2026-01-01"), None)


def test_periods_are_half_open() -> None:
    period = Period(day("2026-01-30"), day("2026-02-02"))
    assert (period.days, list(days_of(period))[-1]) == (3, day("2026-02-01"))
    assert not period.holds(period.end)
    assert period.clipped(day("2026-01-31"), None) == Period(day("2026-01-31"), day("2026-02-02"))
    assert add_months(day("2026-12-31"), 2) == day("2027-02-28")


def test_a_bill_with_a_last_day_is_dated_the_day_after_it_and_one_without_is_dated_today() -> None:
    today = day("2026-05-17")
    assert bill_date_of(day("2026-02-28"), today) == day("2026-03-01")
    assert bill_date_of(None, today) == today
