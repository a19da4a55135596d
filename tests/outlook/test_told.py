"""Burn-downs and progress of small families, worked by hand (rules 11)."""

from datetime import date, timedelta
from decimal import Decimal as D

from projections.outlook import burn_down, progress
from projections.outlook.burndown import BurnDownMark, ProductDrawn
from projections.outlook.outlook import outlooks, used_before
from projections.settlement import settle
from projections.settlement.states_by_day import as_of_day
from services.simulate.naming import id_of
from tests.outlook.told import told, used

JANUARY = [date(2026, 1, 1) + timedelta(days=number) for number in range(31)]
PREPAID = """
commitments:
  - {code: paid, account: acme, amount: 300, startDate: 2026-01-01, endDate: 2026-04-01}
"""
FLOOR = """
commitments:
  - code: floor
    account: acme
    commitmentType: MINIMUM
    amount: 100
    billingPlan: basic
    commitmentPeriodInterval: 1
    startDate: 2026-01-01
    endDate: 2026-04-01
"""
PAID, LEAST = id_of("commitment", "paid"), id_of("commitment", "floor")
COMPUTE, STORAGE = id_of("product", "compute"), id_of("product", "storage")


def test_what_is_left_falls_by_what_each_product_draws() -> None:
    family = told(PREPAID, used(JANUARY[:3], 10) + used(JANUARY[1:2], 5, "b"))
    shown = burn_down(family, PAID, as_of_day(family, JANUARY[5]), JANUARY[5])
    assert [(day.day.day, day.added, day.drawn, day.left) for day in shown.days] == [
        (1, 300, 10, 290), (2, 300, 25, 275), (3, 300, 35, 265), (6, 300, 35, 265),
    ]  # fmt: skip
    assert shown.days[1].products == tuple(sorted([ProductDrawn(COMPUTE, D(10)), ProductDrawn(STORAGE, D(5))]))
    assert shown.days[3].products == ()


def test_it_runs_out_on_the_day_that_its_pace_says() -> None:
    """Ten a day: after 20 days 100 are left, which are used up ten days later; the other 61 days find nothing left."""
    family = told(PREPAID, used(JANUARY[:20], 10))
    shown = burn_down(family, PAID, settle(family, through=JANUARY[20], accrued=True), JANUARY[19])
    assert shown.until == date(2026, 3, 31) and shown.days[-1].left == 100
    for forecast, days in zip(shown.forecasts, (7, 20, 20), strict=True):
        assert (forecast.days, forecast.per_day, forecast.deviation) == (days, 10, 0)
        assert forecast.runs_out == forecast.earliest == forecast.latest == date(2026, 1, 31)
        assert (forecast.left, forecast.uncovered, forecast.lapses) == (0, 590, 0)
        assert forecast.points[0][1:] == (100, 100, 100) and forecast.points[-1].day == shown.until


def test_days_of_unequal_usage_make_a_band() -> None:
    """Usage of 20 every other day: the mean is 10 whatever the window, and the variance of 8 days 8 x 100 / 7."""
    family = told(PREPAID, used(JANUARY[:8:2], 20))
    shown = burn_down(family, PAID, settle(family, through=JANUARY[8], accrued=True), JANUARY[7])
    month = shown.forecasts[1]
    assert (month.days, month.per_day, month.deviation) == (8, 10, D("10.6904"))
    assert month.earliest is not None and month.runs_out == date(2026, 1, 31)
    assert month.earliest < month.runs_out
    in_a_day, seen = month.points[0], {point.day: point for point in month.points}
    assert in_a_day.left == in_a_day.low == in_a_day.high == 220
    # After three days: 30, and 2 x the root of 114.2857... x 3 x (1 + 3/8) to each side, rounded up.
    assert seen[JANUARY[11]][1:] == (190, D("146.57"), D("220.00"))


def test_what_was_paid_in_for_later_days_is_ahead_and_stops_the_fall() -> None:
    family = told(PREPAID, used(JANUARY[:20], 10) + "  - topUp: {commitment: paid, amount: 200, date: 2026-02-10}\n")
    shown = burn_down(family, PAID, settle(family, through=JANUARY[20], accrued=True), JANUARY[19])
    assert (shown.days[-1].left, shown.days[-1].ahead) == (100, 200)
    week = shown.forecasts[0]
    # It is empty from 31 January to 9 February, and what was used then nothing makes up for.
    assert week.runs_out == date(2026, 1, 31)
    assert (week.left, week.uncovered) == (0, 590 - 200)
    seen = {point.day: point.left for point in week.points}
    assert (seen[date(2026, 2, 9)], seen[date(2026, 2, 10)]) == (0, 190)
    assert BurnDownMark(date(2026, 2, 10), "TOP_UP", D(200)) in shown.marks


def test_what_nothing_covers_is_the_use_of_the_last_in_turn() -> None:
    family = told(PREPAID, used(JANUARY, 15))
    shown = burn_down(family, PAID, settle(family, through=date(2026, 2, 1), accrued=True), JANUARY[-1])
    month = shown.forecasts[1]
    assert (shown.days[-1].left, month.per_day, month.uncovered) == (0, 15, 15 * 58)
    assert (month.runs_out, month.earliest, month.latest) == (None, None, None)
    assert shown.used_up_since == JANUARY[19], "15 a day make 300 in 20 days"


def test_since_when_it_is_used_up_is_told_as_far_back_as_is_looked() -> None:
    family = told(PREPAID.replace("300", "20").replace("2026-04-01", "2027-01-01"), used(JANUARY[:3], 10))
    for day, since in ((JANUARY[0], None), (JANUARY[1], JANUARY[1]), (date(2026, 6, 1), JANUARY[1])):
        assert burn_down(family, PAID, as_of_day(family, day), day).used_up_since == since
    over = date(2027, 1, 1)
    assert burn_down(family, PAID, as_of_day(family, over), over).used_up_since is None, "its term is over"
    busy = told(PREPAID.replace("300", "20").replace("2026-04-01", "2027-01-01"), used(JANUARY, 10))
    late = date(2026, 9, 1)
    assert burn_down(busy, PAID, as_of_day(busy, late), late, most=1).used_up_since is None, "longer ago than is listed"


def test_what_is_topped_up_later_runs_out_after_that() -> None:
    up = "  - topUp: {commitment: paid, amount: 30, date: 2026-02-10}\n"
    family = told(PREPAID.replace("300", "20"), used(JANUARY[:20], 10) + up)
    shown = burn_down(family, PAID, settle(family, through=JANUARY[20], accrued=True), JANUARY[19])
    assert (shown.days[-1].left, shown.days[-1].ahead, shown.used_up_since) == (0, 30, JANUARY[1])
    assert shown.forecasts[0].runs_out == date(2026, 2, 12)


def test_of_two_in_turn_the_last_one_bears_what_nothing_covers() -> None:
    """Ten a day: the first has 50, the second another 50, and from the eleventh day on nothing is left."""
    two = """
commitments:
  - {code: paid, account: acme, amount: 50, priority: 1, startDate: 2026-01-01, endDate: 2026-04-01}
  - {code: next, account: acme, amount: 50, priority: 2, startDate: 2026-01-01, endDate: 2026-04-01}
"""
    family = told(two, used(JANUARY[:20], 10))
    last = settle(family, through=JANUARY[20], accrued=True)
    week, month, _ = burn_down(family, PAID, last, JANUARY[19]).forecasts
    assert (week.per_day, month.per_day) == (0, D("2.5")) and month.runs_out is None
    week, month, _ = burn_down(family, id_of("commitment", "next"), last, JANUARY[19]).forecasts
    assert (week.per_day, month.per_day) == (10, D("7.5"))


def test_a_window_begins_with_what_was_used_on_its_first_day() -> None:
    """2 a day in January, of which the 90 days before 11 April have the 21 days from the 11th on."""
    family = told(PREPAID.replace("2026-04-01", "2026-09-01"), used(JANUARY, 2))
    last = settle(family, through=date(2026, 4, 11), accrued=True)
    for most in (2, 25, 400):
        quarter = burn_down(family, PAID, last, date(2026, 4, 10), most=most).forecasts[2]
        assert (quarter.days, quarter.per_day) == (90, D("0.4667"))


def test_a_term_over_all_days_is_forecast_ten_years_ahead() -> None:
    far = PREPAID.replace("2026-01-01", "1970-01-01").replace("2026-04-01", "2200-01-01")
    family = told(far + FLOOR.replace("commitments:\n", "").replace("2026-04-01", "2200-01-01"), used(JANUARY, 2))
    for day, until in ((date(1970, 1, 2), date(1980, 1, 10)), (date(2199, 12, 30), date(2199, 12, 31))):
        last = settle(family, through=day, accrued=True)
        shown = burn_down(family, PAID, last, day - timedelta(days=1))
        assert (shown.until, shown.forecasts[0].points[-1].day) == (until, until)
        assert {outlook.id: outlook.until for outlook in outlooks(last, used_before(last))}[PAID] == until


def test_marks_tell_what_happened() -> None:
    rolls = PREPAID.replace("endDate: 2026-04-01", "endDate: 2026-04-01, rolloverEndDate: 2026-06-01")
    family = told(rolls, used(JANUARY[:1], 1))
    shown = burn_down(family, PAID, as_of_day(family, JANUARY[3]), JANUARY[3], [JANUARY[2]])
    assert shown.marks == (
        BurnDownMark(JANUARY[0], "START", D(300)),
        BurnDownMark(JANUARY[2], "AMENDED"),
        BurnDownMark(date(2026, 4, 1), "END"),
        BurnDownMark(date(2026, 6, 1), "ROLLOVER_END"),
    )
    cancelled = told(PREPAID, "  - cancel: {commitment: paid, date: 2026-02-10}\n" + used(JANUARY[:1], 1))
    shown = burn_down(cancelled, PAID, as_of_day(cancelled, date(2026, 2, 20)), date(2026, 2, 20))
    assert shown.marks[-1] == BurnDownMark(date(2026, 2, 10), "CANCELLED")
    assert (shown.until, shown.forecasts, shown.days[-1].lapsed) == (None, (), 299)


def test_what_rolled_over_is_left_until_its_end() -> None:
    rolls = PREPAID.replace("endDate: 2026-04-01", "endDate: 2026-02-01, rolloverEndDate: 2026-03-01")
    family = told(rolls, used(JANUARY, 2))
    before = burn_down(family, PAID, as_of_day(family, JANUARY[-2]), JANUARY[-2]).forecasts[0]
    assert (before.left, before.lapses) == (238, 0)
    shown = burn_down(family, PAID, as_of_day(family, date(2026, 2, 5)), date(2026, 2, 5))
    assert (shown.days[-1].left, shown.days[-1].lapsed, shown.until) == (238, 0, date(2026, 2, 28))
    assert (shown.forecasts[1].per_day, shown.forecasts[1].lapses) == (D("1.6667"), D("199.67"))


def test_a_month_of_a_minimum_is_counted_by_day_and_trued_up_by_its_pace() -> None:
    family = told(FLOOR, used(JANUARY[:10], 2))
    told_progress = progress(family, LEAST, settle(family, through=JANUARY[10], accrued=True), JANUARY[9])
    assert told_progress is not None
    assert (told_progress.start, told_progress.end, told_progress.owed, told_progress.counted) == (
        JANUARY[0],
        date(2026, 2, 1),
        100,
        20,
    )
    assert [(day.day.day, day.counted) for day in told_progress.days] == [
        *((day, 2 * day) for day in range(1, 11)),
        (11, 20),
    ]
    for forecast in told_progress.forecasts:
        assert (forecast.per_day, forecast.counted, forecast.reached) == (2, 60, None)
        assert (forecast.true_up, forecast.true_up_low, forecast.true_up_high) == (40, 40, 40)


def test_a_window_reaches_back_over_periods_but_not_before_the_term() -> None:
    """2 a day in January, nothing then, 3 a day in May: on 11 May, 10 days of May and 80 before."""
    may = [date(2026, 5, 1) + timedelta(days=number) for number in range(10)]
    family = told(FLOOR.replace("2026-04-01", "2026-12-01"), used(JANUARY, 2) + used(may, 3))
    told_progress = progress(family, LEAST, settle(family, through=date(2026, 5, 11), accrued=True), may[-1])
    assert told_progress is not None and (told_progress.start, told_progress.counted) == (may[0], 30)
    week, month, quarter = told_progress.forecasts
    assert (week.per_day, month.per_day, quarter.per_day) == (3, 1, D("0.3333"))
    assert (week.counted, month.counted, quarter.counted) == (90, 50, D("36.67"))
    early = progress(family, LEAST, settle(family, through=date(2026, 3, 1), accrued=True), date(2026, 2, 28))
    assert early is not None and [(forecast.days, forecast.per_day) for forecast in early.forecasts][2] == (
        59,
        D("1.0508"),
    )


def test_a_minimum_that_is_reached_in_time_has_no_true_up() -> None:
    family = told(FLOOR, used(JANUARY[:10], 5))
    told_progress = progress(family, LEAST, settle(family, through=JANUARY[10], accrued=True), JANUARY[9])
    assert told_progress is not None
    assert [(forecast.reached, forecast.true_up) for forecast in told_progress.forecasts] == [(JANUARY[20], 0)] * 3


def test_a_period_that_is_over_has_its_true_up_and_no_forecast() -> None:
    family = told(FLOOR, used(JANUARY[:10], 2))
    told_progress = progress(family, LEAST, as_of_day(family, date(2026, 4, 5)), date(2026, 4, 5))
    assert told_progress is not None
    assert (told_progress.start, told_progress.state, told_progress.true_up, told_progress.forecasts) == (
        date(2026, 3, 1),
        "ENDED",
        100,
        (),
    )
    assert [(day.day, day.counted) for day in told_progress.days][-1] == (date(2026, 4, 5), 0)


def test_before_the_term_nothing_is_forecast() -> None:
    family = told(FLOOR + PREPAID.replace("commitments:\n", ""), used(JANUARY[:10], 2))
    early = date(2025, 12, 20)
    told_progress = progress(family, LEAST, as_of_day(family, early), early)
    assert told_progress is not None and (told_progress.state, told_progress.forecasts) == ("UPCOMING", ())
    shown = burn_down(family, PAID, as_of_day(family, early), early)
    assert shown.forecasts == () and [(day.left, day.ahead) for day in shown.days] == [(0, 300)]


def test_a_waived_period_lacks_nothing() -> None:
    family = told(FLOOR, used(JANUARY[:5], 2) + "  - cancel: {commitment: floor, date: 2026-01-20, policy: WAIVE}\n")
    told_progress = progress(family, LEAST, as_of_day(family, JANUARY[9]), JANUARY[9])
    assert told_progress is not None and (told_progress.end, told_progress.forecasts) == (JANUARY[19], ())


def test_an_empty_term_has_no_progress() -> None:
    family = told(
        FLOOR.replace(
            "startDate: 2026-01-01\n    endDate: 2026-04-01", "startDate: 2026-01-01\n    endDate: 2026-01-01"
        ),
        "  - usage: {account: acme, meter: m, ts: 2026-01-05T00:00:00Z, measure: {q: 1}}\n",
    )
    assert progress(family, LEAST, as_of_day(family, JANUARY[9]), JANUARY[9]) is None
