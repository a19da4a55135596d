"""Payments into a balance before it starts: drawn from its start on, they cut slices on their own day (rules 4.1)."""

from datetime import date
from decimal import Decimal

from projections.money import Rounding
from projections.settlement.payments import paid_in


def test_what_is_paid_in_before_the_start_is_drawn_from_the_start_and_cuts_on_its_own_day() -> None:
    start = date(2026, 2, 1)
    money = paid_in(Rounding(0), [(date(2026, 1, 10), Decimal(5)), (start, Decimal(2))], start)
    assert (money.posted, money.totals) == ((start,), (7,))
    assert money.named == {date(2026, 1, 10), start}
