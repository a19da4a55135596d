"""What a read would settle is counted before it is settled, and refused where it is very much."""

from datetime import date

import pytest

from projections.line_types import DRAWS
from projections.settlement import Family, draft_bills, settle
from projections.settlement.extent import (
    MOST_BY_DAYS,
    MOST_UNBILLED,
    TooMuchError,
    charges_by,
    check_days,
    check_unbilled,
)
from projections.settlement.states_by_day import settled_on
from tests.settlement.playing import family_of, play_text

STORY = """
products: [{code: compute}]
meters: [{code: m, dataFields: [{code: q, category: MEASURE, unit: "1"}]}]
aggregations: [{code: units, meter: m, targetField: q, aggregation: SUM}]
counters: [{code: seats, name: Seats, unit: seat}]
plans:
  - {code: free, product: compute, billFrequency: DAILY}
  - code: basic
    product: compute
    billFrequency: DAILY
    standingCharge: 1
    minimumSpend: 3
    pricings:
      - {code: units, aggregation: units, minimumSpend: 2, startDate: 1970-01-01, pricingBands: [{unitPrice: 1}]}
accounts: [{code: acme, plans: [PLAN]}, {code: other}]
MORE
steps: [{preview: {account: other, date: 1970-01-02}, expect: []}]
"""
DAILY = "{plan: basic, startDate: START, endDate: END}"


def family(plan: str = DAILY, start: str = "1970-01-01", end: str = "2200-01-01", more: str = "") -> Family:
    text = STORY.replace("PLAN", plan).replace("START", start).replace("END", end).replace("MORE", more)
    return family_of(play_text(text))


def test_each_billing_period_counts_with_all_that_it_may_charge() -> None:
    week = family(start="2026-01-01", end="2026-01-08")
    counted = [charges_by(week.terms, date(2026, 1, day)) for day in (1, 3, 7, 8, 30)]
    assert counted == [3, 9, 21, 21, 21] and charges_by(week.terms, date(2025, 12, 31)) == 0
    assert charges_by(family("{plan: free, startDate: 2026-01-01}").terms, date(2026, 6, 1)) == 0


def test_no_fewer_are_counted_than_there_are() -> None:
    more = """commitments:
  - {code: c, account: acme, amount: 700, startDate: 2026-01-01, endDate: 2027-01-01, billingPlan: basic,
     billingInterval: 1}
  - {code: d, account: acme, commitmentType: MINIMUM, amount: 700, startDate: 2026-01-01, endDate: 2027-01-01}
charges: [{code: once, account: acme, amount: 5, servicePeriodStartDate: 2026-01-01, servicePeriodEndDate: 2026-01-02}]
"""
    all_of_it = family(start="2026-01-01", end="2026-03-01", more=more)
    for day in (date(2026, 1, 1), date(2026, 2, 3), date(2027, 2, 1)):
        lines = [key for key in settle(all_of_it, through=day, accrued=True).lines if key.type not in DRAWS]
        assert len(lines) <= charges_by(all_of_it.terms, day) <= 1.5 * len(lines) + 5, day


def test_a_day_two_centuries_away_is_refused_before_it_is_settled() -> None:
    daily = family()
    check_unbilled(daily, date(1992, 1, 1))
    with pytest.raises(TooMuchError, match=f"{MOST_UNBILLED} are settled at most: ask for an earlier day"):
        check_unbilled(daily, date(2199, 1, 1))


def test_what_is_billed_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.settlement.extent.MOST_UNBILLED", 150)
    text = STORY.replace("PLAN", DAILY).replace("START", "2026-01-01").replace("END", "2027-01-01").replace("MORE", "")
    player = play_text(text)
    with pytest.raises(TooMuchError):
        check_unbilled(family_of(player), date(2026, 3, 1))
    player.bill(date(2026, 2, 20), None)
    check_unbilled(family_of(player), date(2026, 3, 1))
    assert draft_bills(family_of(player), date=date(2026, 3, 1))


def test_days_times_charges_are_refused_before_the_first_is_settled() -> None:
    daily = family()
    with pytest.raises(TooMuchError, match=f"{MOST_BY_DAYS} are gone through at most: ask for fewer days"):
        next(settled_on(daily, [date(2026, 1, 1)] * 400))
    check_days(daily.terms, [])
    check_days(daily.terms, [date(1970, 6, 1)] * 400)
