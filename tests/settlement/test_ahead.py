"""Bills ahead of their period's end: what they charge is charged once, and never drawn from more than there is (rules
8.15).
"""

from copy import deepcopy
from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.facts.bills import BillVoided
from projections.settlement import draft_again, draft_bills, issue, settle
from services.simulate.memory_player import MemoryPlayer
from services.simulate.player import UsageRecord
from tests.settlement.playing import accounts_of, family_of, play_terms
from tests.settlement.stories import DAYS, Random, days, families, usage
from tests.settlement.test_laws import END

#: Each settles a family a dozen times.
laws = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def bill_ahead(player: MemoryPlayer, account: str | None, day: date) -> int:
    """Bill all usage that has arrived; returns how many bills that was. Each is derived again as it was issued."""
    account_family = family_of(player)
    ids = [id for id, account_terms in account_family.terms.accounts.items() if account in (None, account_terms.code)]
    drafts = [draft for id in ids for draft in draft_bills(account_family, date=day, account_id=id, accrued=True)]
    before = replace(account_family, billed=deepcopy(account_family.billed))
    for draft in drafts:
        bill = player.issue_draft(draft)
        again = draft_again(before, bill)
        assert again is not None
        assert issue(again, bill_id=bill.bill_id, positions=bill.positions) == bill
    return len(drafts)


@laws
@given(st.data(), families())
def test_bills_ahead_add_up_to_what_one_bill_would_have_been(data: st.DataObject, family: Random) -> None:
    player = play_terms(family)
    for _ in range(4):
        for record in data.draw(st.lists(usage(accounts_of(family)), max_size=5)):
            player.usage(record)
        account = data.draw(st.sampled_from([None, *accounts_of(family)]))
        day = data.draw(days(0, DAYS))
        if data.draw(st.booleans()):
            bill_ahead(player, account, day)
        else:
            player.bill(day, account)
    player.bill(END, None)
    account_family = family_of(player)
    due = {
        key: line.money for key, line in settle(account_family, through=END, accrued=False).lines.items() if line.amount
    }
    assert {key: billed.amount for key, billed in account_family.billed.by_key.items() if billed.amount} == due
    assert draft_bills(account_family, date=END) == []


def drawn_by(player: MemoryPlayer) -> dict[str, Decimal]:
    """What the issued bills draw of each commitment and balance."""
    drawn: dict[str, Decimal] = {}
    for key, line in family_of(player).billed.by_key.items():
        if key.pays:
            drawn[key.agreement_id] = drawn.get(key.agreement_id, Decimal(0)) - line.amount
    return drawn


def assert_no_more_is_drawn(player: MemoryPlayer, day: date) -> None:
    """The bills draw at most what was paid in; and at most what all usage does, while something is billed ahead, else
    what is due does: a credit that is not due may take from what draws.
    """
    account_family = family_of(player)
    there = {fund.id: fund.rounding.decimal(fund.paid_in.most) for fund in account_family.terms.funds}
    states = settle(account_family, through=day, accrued=account_family.billed.is_ahead(day)).states()
    for id, amount in drawn_by(player).items():
        assert amount <= states[id].drawn <= there[id]


@laws
@given(st.data(), families(), st.booleans())
def test_bills_never_draw_more_than_there_is(data: st.DataObject, family: Random, one_bill: bool) -> None:
    """After every bill of a family with one account to bill, the parent, once that is billed; where children have bills
    of their own, once all were billed.
    """
    plans = [plan for account in family.lists["accounts"] for plan in account.get("plans", ())]
    for plan in plans if one_bill else ():
        plan["childBillingMode"] = "PARENT_BREAKDOWN"
    player = play_terms(family)
    sent: list[UsageRecord] = []
    for _ in range(5):
        for record in data.draw(st.lists(usage(accounts_of(family)), max_size=5)):
            player.usage(record)
            sent.append(record)
        for record in data.draw(st.lists(st.sampled_from(sent), max_size=2, unique_by=id)) if sent else ():
            sent.remove(record)
            player.void(record.account, record.uid)
        day = family_of(player).billed.through(data.draw(days(0, DAYS)))
        if data.draw(st.booleans()):
            account = data.draw(st.sampled_from([None, *accounts_of(family)]))
            bill_ahead(player, account, day)
            if one_bill and account in (None, "acme"):
                assert_no_more_is_drawn(player, day)
        player.bill(day, None)
        assert_no_more_is_drawn(player, day)
    player.bill(END, None)
    account_family = family_of(player)
    due = {key: line.money for key, line in settle(account_family, through=END, accrued=False).lines.items()}
    billed = account_family.billed.by_key
    assert all(due.get(key, 0) == (billed[key].amount if key in billed else 0) for key in {*due, *billed})


@laws
@given(st.data(), families(), days(0, DAYS))
def test_what_was_billed_ahead_is_not_given_back_on_the_way(data: st.DataObject, family: Random, day: date) -> None:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), max_size=12)):
        player.usage(record)
    while bill_ahead(player, None, day):
        pass
    account_family = family_of(player)
    assert draft_bills(account_family, date=day) == []
    # Nor is anything drawn twice: what bills drew is what all usage draws.
    drawn = sum((line.amount for key, line in account_family.billed.by_key.items() if key.pays), Decimal(0))
    through = account_family.billed.through(day)
    assert -drawn == sum(
        (draw.amount for draw in settle(account_family, through=through, accrued=True).draws), Decimal(0)
    )


@laws
@given(st.data(), families(), days(0, DAYS))
def test_a_voided_bill_ahead_leaves_all_as_it_was(data: st.DataObject, family: Random, day: date) -> None:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), max_size=8)):
        player.usage(record)
    before = draft_bills(family_of(player), date=END)
    bill_ahead(player, None, day)
    billed = family_of(player).billed
    for bill in list(billed.bills.values()):
        billed.evolve(BillVoided(bill_id=bill.bill_id, account_id=bill.account_id, root_id=bill.root_id))
    assert billed.ahead_until is None
    after = draft_bills(family_of(player), date=END)
    assert [(outlook.account_id, outlook.currency, outlook.total) for outlook in after] == [
        (outlook.account_id, outlook.currency, outlook.total) for outlook in before
    ]
