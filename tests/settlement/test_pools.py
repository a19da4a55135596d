"""Counters: what a parent and its child pay together, what a child that leaves takes with it, and free seats."""

from datetime import date
from decimal import Decimal

from projections.settlement import draft_bills
from services.simulate.naming import id_of
from tests.settlement.playing import play_text

STORY = """
scenario: seats of a parent and a child
plans:
  - {code: basic, product: service, billFrequency: MONTHLY}
counters:
  - {code: seats, unit: seat}
counterPricings:
  - {code: seat-price, counter: seats, plan: basic, startDate: 2026-01-01, runningTotalBillInAdvance: false,
     pricingBands: [{lowerLimit: 0, unitPrice: 31}]}
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}
  - {code: kid, parentAccount: acme, plans: [{plan: basic, startDate: 2026-01-16}]}
  - {code: other, parentAccount: acme}
steps:
  - adjustment: {account: acme, counter: seats, date: 2026-01-01, value: 6}
  - adjustment: {account: kid, counter: seats, date: 2026-01-01, value: 4}
  - adjustment: {account: other, counter: seats, date: 2026-01-10, value: 0}
"""


def test_a_child_that_leaves_the_pool_takes_its_seats_with_it() -> None:
    """rules 7: pooled on the days before its first own plan starts. 10 seats, 4 of them gone for 16 of 31 days."""
    player = play_text(STORY)
    [bill] = draft_bills(player.family(id_of("account", "acme")), date=date(2026, 2, 1))
    acme, kid = id_of("account", "acme"), id_of("account", "kid")
    middle, end = date(2026, 1, 16), date(2026, 2, 1)
    lines_by_key = {
        (line.key.owner_id, line.type, line.key.start, line.wording["period_end"]): line for line in bill.lines
    }
    start = date(2026, 1, 1)
    assert {key: (line.amount, line.quantity) for key, line in lines_by_key.items()} == {
        (acme, "COUNTER_RUNNING_TOTAL_CHARGE", start, end): (Decimal(186), 6),
        (kid, "COUNTER_RUNNING_TOTAL_CHARGE", start, end): (Decimal(124), 4),
        (kid, "COUNTER_ADJUSTMENT_CREDIT", start, end): (Decimal(-64), 4),
        (kid, "COUNTER_RUNNING_TOTAL_CHARGE", middle, end): (Decimal(64), 4),
    }
    assert bill.total == 310


FREE = """
scenario: seats of a free tier
plans:
  - {code: basic, product: service, billFrequency: MONTHLY, standingCharge: 5}
counters:
  - {code: seats, unit: seat}
counterPricings:
  - {code: seat-price, counter: seats, plan: basic, startDate: 2026-01-01, cumulative: true,
     pricingBands: [{lowerLimit: 0, unitPrice: 0}, {lowerLimit: 10, unitPrice: 31}]}
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}
steps:
  - adjustment: {account: acme, counter: seats, date: 2026-01-01, value: 3}
  - adjustment: {account: acme, counter: seats, date: 2026-01-15, value: 5}
"""


def test_more_seats_inside_a_free_tier_are_no_credit() -> None:
    player = play_text(FREE)
    [bill] = draft_bills(player.family(id_of("account", "acme")), date=date(2026, 2, 1))
    assert "COUNTER_ADJUSTMENT_CREDIT" not in {line.type for line in bill.lines}
