"""One-off charges beside what a story can expect: how often they are billed, and on whose bill (rules 3.18)."""

from datetime import date

from projections.settlement import DraftBill, draft_bills
from services.simulate.naming import id_of
from tests.settlement.playing import family_of, play_text

STORY = """
accounts: [{code: acme}, {code: kid, parentAccount: acme}]
balances: [{code: wallet, account: acme, startDate: 2026-01-01, endDate: 2027-01-01}]
charges:
  - {code: setup, account: kid, amount: 20, servicePeriodStartDate: 2026-01-10, servicePeriodEndDate: 2026-01-11}
steps:
  - transaction: {balance: wallet, amount: 5, date: 2026-01-01}
"""


def bills() -> list[DraftBill]:
    return draft_bills(family_of(play_text(STORY)), date=date(2026, 2, 1))


def test_a_bill_of_nothing_else_is_ad_hoc_with_the_draws_on_it() -> None:
    [bill] = bills()
    assert [(line.type, line.amount) for line in bill.lines] == [("AD_HOC", 20), ("BALANCE_CONSUMED", -5)]
    assert (bill.frequency, bill.interval) == ("AD_HOC", None)


def test_a_childs_stands_on_its_parents_bill_and_names_the_child() -> None:
    [bill] = bills()
    assert bill.account_id == id_of("account", "acme")
    assert {line.key.owner_id for line in bill.lines} == {id_of("account", "kid")}
    assert {line.wording["charge_id"] for line in bill.lines} == {id_of("charge", "setup")}
