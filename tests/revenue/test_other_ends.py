"""A fee whose period ends on another day, time and again: its lines together are earned as one line would have been."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.facts.bills import BillIssued, BillVoided, OtherEnd
from projections.revenue.recognition import parts_of
from services.simulate.memory_player import MemoryPlayer
from tests.revenue.test_recognition import JANUARY, MARCH, line
from tests.settlement.playing import family_of, play_text

YEAR = date(2027, 1, 1)
STORY = """
scenario: a yearly fee
organization: {yearEpoch: 2026-01-01}
plans: [{code: yearly, product: base, billFrequency: ANNUALLY, standingCharge: 1000, standingChargeBillInAdvance: true}]
accounts: [{code: acme, plans: [{code: sub, plan: yearly, startDate: 2026-01-01, endDate: 2027-01-01}]}]
steps: [{bill: {date: 2026-01-01}}]
"""
ends = st.integers(1, 365).map(lambda days: JANUARY + timedelta(days=days))


def months_of(bills: list[BillIssued]) -> dict[date, Decimal]:
    months: dict[date, Decimal] = defaultdict(Decimal)
    for bill in bills:
        for part in (part for billed in bill.lines for part in parts_of(billed, bill.currency)):
            months[part.month] += part.amount
    return {month: amount for month, amount in months.items() if amount}


def valid_bills(player: MemoryPlayer) -> list[BillIssued]:
    return list(family_of(player).billed.bills.values())


def once(end: date) -> dict[date, Decimal]:
    """The months of the fee where its plan had this end from the beginning."""
    player = play_text(STORY.replace("endDate: 2027-01-01", f"endDate: {end}"))
    player.bill(YEAR, None)
    return months_of(valid_bills(player))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(ends, st.booleans()), min_size=1, max_size=5))
def test_differences_are_earned_as_one_line_would_be(changes: list[tuple[date, bool]]) -> None:
    player = play_text(STORY)
    for end, is_voided in changes:
        player.update("accountPlan", "sub", {"endDate": end.isoformat()}, None)
        player.bill(YEAR, None)
        assert months_of(valid_bills(player)) == once(end)
        if is_voided:
            first = valid_bills(player)[0]
            void = BillVoided(bill_id=first.bill_id, account_id=first.account_id, root_id=first.root_id)
            family_of(player).billed.evolve(void)
            player.bill(YEAR, None)
            assert months_of(valid_bills(player)) == once(end)


def test_a_month_with_both_ends_is_earned_by_the_later_one() -> None:
    other = OtherEnd(period_end=date(2026, 4, 1), amount=Decimal("-90.00"))
    cut = line("STANDING_CHARGE", "-16.00", JANUARY, date(2026, 3, 16)).model_copy(update={"other_ends": (other,)})
    assert [(part.day, str(part.amount)) for part in parts_of(cut, "USD")] == [(date(2026, 3, 31), "-16.00")]


def test_a_true_up_moves_to_the_end_of_its_period() -> None:
    other = OtherEnd(period_end=date(2026, 4, 1), amount=Decimal("-5.00"))
    moved = line("COMMITMENT_FEE", "0", JANUARY, MARCH, true_up=True).model_copy(update={"other_ends": (other,)})
    assert [(part.day, part.amount) for part in parts_of(moved, "USD")] == [
        (date(2026, 2, 28), 5), (date(2026, 3, 31), -5)
    ]  # fmt: skip
