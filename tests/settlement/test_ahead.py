"""Bills ahead of their period's end: what they charge is charged once and not given back on the way (rules 8.15)."""

from copy import deepcopy
from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.facts.bills import BillVoided
from projections.settlement import draft_again, draft_bills, issue, settle
from services.simulate.memory_player import MemoryPlayer
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
