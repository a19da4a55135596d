"""Prices that share a billing period: what does not add up is paid once, by days, however often its price changes."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.settlement import draft_bills
from tests.settlement.playing import family_of, play_text

START, END = date(2026, 1, 1), date(2026, 2, 1)
STORY = """
scenario: prices that share January
meters: [{code: m, dataFields: [{code: q, category: MEASURE}]}]
aggregations: [{code: units, meter: m, targetField: q, aggregation: FUNCTION}]
plans: [{code: basic, product: p}]
pricings: [PRICINGS]
accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]
steps:
  - usage: {account: acme, meter: m, ts: 2026-01-01T12:00:00Z, measure: {q: 7}, repeat: DAILY}
"""


def charged(function: str, prices: list[tuple[date, Decimal]]) -> list[Decimal]:
    """The amounts of January's lines, by the first day of their price."""
    pricings = ", ".join(
        f"{{code: p-{day}, plan: basic, aggregation: units, startDate: {day}, pricingBands: [{{unitPrice: {price}}}]}}"
        for day, price in prices
    )
    story = STORY.replace("FUNCTION", function).replace("PRICINGS", pricings)
    family = family_of(play_text(story.replace("DAILY", "{every: 1d, until: 2026-02-01T00:00:00Z}")))
    [bill] = draft_bills(family, date=END)
    return [line.amount for line in sorted(bill.lines, key=lambda line: line.key.start)]


CHANGES = [(START, Decimal("3.10")), (date(2026, 1, 11), Decimal("6.20")), (date(2026, 1, 31), Decimal("31"))]


@pytest.mark.parametrize("function", ["MAX", "MIN", "MEAN", "LATEST"])
def test_what_is_the_same_all_month_is_paid_by_days(function: str) -> None:
    """7 x 3.10 x 10/31, 7 x 6.20 x 20/31 and 7 x 31 x 1/31."""
    assert charged(function, CHANGES) == [Decimal("7.00"), Decimal("28.00"), Decimal("7.00")]


def test_distinct_values_are_paid_by_days() -> None:
    """One value all month: 3.10 x 10/31, 6.20 x 20/31 and 31 x 1/31."""
    assert charged("UNIQUE", CHANGES) == [Decimal("1.00"), Decimal("4.00"), Decimal("1.00")]


def test_what_adds_up_is_charged_whole_under_each_price() -> None:
    """10, 20 and 1 days of 7: 70 x 3.10, 140 x 6.20, 7 x 31; and as many records."""
    assert charged("SUM", CHANGES) == [Decimal("217.00"), Decimal("868.00"), Decimal("217.00")]
    assert charged("COUNT", CHANGES) == [Decimal("31.00"), Decimal("124.00"), Decimal("31.00")]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["MAX", "MIN", "MEAN", "LATEST", "UNIQUE"]), st.sets(st.integers(1, 30), max_size=4))
def test_a_price_that_is_given_anew_and_the_same_changes_no_total(function: str, days: set[int]) -> None:
    """Up to half a cent of rounding a line."""
    prices = [(START + timedelta(days=day), Decimal("1.23")) for day in sorted({0, *days})]
    [alone] = charged(function, prices[:1])
    assert abs(sum(charged(function, prices)) - alone) <= Decimal("0.005") * len(prices) + Decimal("0.005")
