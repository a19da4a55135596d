"""Automatic rules in memory, by the functions that the services run: once an arming, within their bounds (rules 12)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.facts.automation import AutomaticRuleActed
from events.facts.bills import BillDropped, BillOpened
from events.resources.automation import BILL, TOP_UP
from projections.alerts.due import FamilyAlerts, Speed
from projections.alerts.levels import settled_levels, unbilled_levels
from projections.alerts.rules import rules_of
from projections.explain.explain import explain_line
from projections.settlement import draft_bills, settle, settled_again, unbilled_of
from services.automation.billing_ahead import why_not
from services.commands.bodies import parse_body
from services.commands.refused import CommandError
from services.simulate.memory_player import MemoryPlayer
from services.simulate.naming import id_of
from services.simulate.player import UsageRecord
from tests.settlement.playing import play_text

STORY = """
meters: [{code: calls, dataFields: [{code: n, category: MEASURE}]}]
aggregations: [{code: units, meter: calls, targetField: n}]
plans: [{code: basic, product: api, pricings: [{code: one, aggregation: units, pricingBands: [{unitPrice: 1}]}]}]
accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]
commitments: [{code: ahead, account: acme, amount: 100, startDate: 2026-01-01, endDate: 2027-01-01}]
automaticTopUps:
  - {code: refill, account: acme, commitment: ahead, threshold: 20, amount: 30, maxTimes: 3, maxAmount: 80}
thresholdBillings: [{code: above, account: acme, threshold: 25}]
steps: [{approve: {account: acme}}]
"""
FIRST = datetime(2026, 1, 10, 8, tzinfo=UTC)
#: Usage of a few days around the turn of a month, that may be taken back.
USED = st.lists(st.tuples(st.integers(0, 40), st.integers(-60, 90)), min_size=1, max_size=12)


def use(player: MemoryPlayer, number: int, day: int, calls: int) -> None:
    """Usage of the day, and what rules do then."""
    at = FIRST + timedelta(days=day, minutes=number)
    player.usage(UsageRecord("s", f"u-{number}", "acme", "calls", at, None, {"measure": {"n": Decimal(calls)}}))
    player.arrive(False)


def done(player: MemoryPlayer, name: str) -> list[AutomaticRuleActed]:
    return [act for act in player.rules.acts if act.event_name == name and act.outcome == "DONE"]


@settings(max_examples=25, deadline=None)
@given(USED)
def test_rules_act_once_an_arming_and_within_their_bounds(used: list[tuple[int, int]]) -> None:
    player = play_text(STORY)
    for number, (day, calls) in enumerate(used):
        use(player, number, day, calls)
    acts = player.rules.acts
    assert len({act.id for act in acts}) == len({(act.rule_id, act.arming) for act in acts}) == len(acts)
    topped_up = player.resources.commitments[id_of("commitment", "ahead")].top_ups
    assert [(top_up.date, top_up.amount, top_up.rule_code) for top_up in topped_up] == [
        (act.day, act.amount, "refill") for act in done(player, TOP_UP)
    ]
    for month in {(top_up.date.year, top_up.date.month) for top_up in topped_up}:
        inside = [top_up.amount for top_up in topped_up if (top_up.date.year, top_up.date.month) == month]
        assert len(inside) <= 3 and sum(inside) <= 80
    assert all(act.found < act.threshold for act in acts if act.event_name == TOP_UP)
    assert all(act.found > act.threshold for act in acts if act.event_name == BILL)
    assert {act.bill_id for act in done(player, BILL)} == set(player.billed[id_of("account", "acme")].bills)
    assert not found_anew(player, {act.id for act in acts})


def found_anew(player: MemoryPlayer, acted: set[str]) -> Any:
    """What a projector that was filled anew finds to do."""
    held, family = player.resources, player.family(id_of("account", "acme"))
    rules = rules_of((), held.automatic_top_ups.values(), held.threshold_billings.values())
    alerts, through = FamilyAlerts(acted), family.billed.through(player.rules.now.date())
    settlement = settle(family, through=through, accrued=True)
    due = alerts.find(rules, settled_levels(settlement, held), Speed.BALANCES)
    return due | alerts.find(rules, unbilled_levels(unbilled_of(settlement), family.billed, rules), Speed.LINES)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_how_a_days_usage_is_cut_into_writes_changes_no_top_up(calls: list[int]) -> None:
    apart, together = play_text(STORY), play_text(STORY)
    for number, count in enumerate(calls):
        use(apart, number, 0, count)
        at = FIRST + timedelta(minutes=number)
        record = UsageRecord("s", f"u-{number}", "acme", "calls", at, None, {"measure": {"n": Decimal(count)}})
        together.usage(record)
    together.arrive(False)
    assert [act.amount for act in done(apart, TOP_UP)] == [act.amount for act in done(together, TOP_UP)]


def test_a_rule_of_other_terms_is_another_and_of_another_name_is_not() -> None:
    player = play_text(STORY)
    use(player, 0, 0, 85)
    assert len(done(player, TOP_UP)) == 1
    player.update("automaticTopUp", "refill", {"name": "Another name", "active": False})
    player.update("automaticTopUp", "refill", {"active": True})
    assert len(player.rules.acts) == 1
    player.update("automaticTopUp", "refill", {"threshold": 50})  # 45 are left
    assert len(done(player, TOP_UP)) == 2


def test_what_becomes_another_currency_is_refused_and_told_once() -> None:
    player = play_text(STORY)
    player.update("commitment", "ahead", {"currency": "EUR"})
    use(player, 0, 0, 1)
    assert not player.rules.acts
    player.update("commitment", "ahead", {"amount": 10})
    [act] = player.rules.acts
    assert act.outcome == "REFUSED" and "currency: must be EUR" in str(act.reason)


def test_beside_a_pending_bill_nothing_is_billed_ahead_of_its_period() -> None:
    player = play_text(STORY)
    use(player, 1, 0, 300)
    assert done(player, BILL)
    use(player, 2, 1, 20)
    family, account = player.family(id_of("account", "acme")), id_of("account", "acme")
    [draft] = draft_bills(family, date=date(2026, 1, 20), account_id=account, accrued=True)
    assert why_not(family, draft) is None
    bill = {"bill_id": "b" * 36, "account_id": account, "root_id": account, "currency": "USD"}
    family.billed.evolve(BillOpened(**bill, bill_date=date(2026, 2, 1), due_date=date(2026, 2, 1)))
    assert "is pending" in str(why_not(family, draft))


def test_what_was_refused_beside_a_pending_bill_is_billed_once_that_is_deleted() -> None:
    player, account = play_text(STORY), id_of("account", "acme")
    family = player.family(account)
    use(player, 0, 0, 250)
    [first] = done(player, BILL)
    bill = {"bill_id": "b" * 36, "account_id": account, "root_id": account}
    opened = BillOpened(**bill, currency="USD", bill_date=date(2026, 2, 1), due_date=date(2026, 2, 1))
    family.billed.evolve(opened)
    use(player, 1, 1, 140)  # of which 60 are paid in
    use(player, 2, 2, 1)
    [*_, refused] = acts = [act for act in player.rules.acts if act.event_name == BILL]
    assert len(acts) == 2 and "approve or delete it first" in str(refused.reason), "told once"
    assert refused.arming == f"{first.bill_id}/{bill['bill_id']}"
    family.billed.evolve(BillDropped(**bill))
    player.arrive(False)
    [_, _, ahead] = (act for act in player.rules.acts if act.event_name == BILL)
    assert (ahead.outcome, ahead.arming, ahead.found) == ("DONE", first.bill_id, 81)
    assert not found_anew(player, {act.id for act in player.rules.acts})


@pytest.mark.parametrize("kind", ["automaticTopUp", "thresholdBilling"])
def test_a_threshold_is_above_zero(kind: str) -> None:
    body = {"name": "n", "code": "c", "accountId": "a" * 36, "currency": "USD", "threshold": 0}
    more = {"commitmentId": "c" * 36, "amount": 1, "maxTimes": 1} if kind == "automaticTopUp" else {}
    with pytest.raises(CommandError, match="threshold"):
        parse_body(kind, body | more)


def test_the_fee_of_a_refill_says_whose_it_is() -> None:
    story = STORY.replace("endDate: 2027-01-01}", "billingPlan: basic, endDate: 2026-05-01}")
    player = play_text(story.replace("thresholdBillings: [{code: above, account: acme, threshold: 25}]\n", ""))
    use(player, 0, 0, 85)
    family, account = player.family(id_of("account", "acme")), id_of("account", "acme")
    [draft] = draft_bills(family, date=date(2026, 2, 1), account_id=account)
    bill = player.issue_draft(draft)
    [fee] = [line for line in bill.lines if line.type == "COMMITMENT_FEE"]
    [plain, refilled] = explain_line(settled_again(family, bill), bill, fee).parts
    assert "automaticRule" not in plain.inputs and refilled.inputs["automaticRule"] == "refill"
    assert [add.what for add in refilled.adds] == ["a part of a top-up by automatic rule refill"]
