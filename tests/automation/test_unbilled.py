"""How much is unbilled is looked at for the accounts that rules name, and costs one look at a family's bills."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from events.resources.automation import BILL
from projections.alerts.levels import armed_to_bill, unbilled_levels
from projections.alerts.rules import Ladder, Rule, Rules, account_in
from projections.settlement.billed import Billed

ACCOUNTS = [f"child-{number}" for number in range(30)]


class Looked(dict[str, Any]):
    """Counts how often all of it is gone through, from whichever end."""

    def __init__(self, of: Iterable[Any]) -> None:
        super().__init__({one.bill_id: one for one in of})
        self.times = 0

    def values(self) -> Any:
        self.times += 1
        return super().values()


def bill(account: str, number: int, currency: str = "USD") -> Any:
    return SimpleNamespace(bill_id=f"{account}-{number}-{currency}", account_id=account, currency=currency)


def billed() -> tuple[Billed, Looked, Looked]:
    """Each has two bills and one in euros; every third has a pending one."""
    all_bills = (bill(account, number) for number in range(2) for account in ACCOUNTS)
    bills = Looked([*all_bills, *(bill(account, 9, "EUR") for account in ACCOUNTS)])
    pending = Looked(bill(account, 3) for account in ACCOUNTS[::3])
    return Billed(bills=bills, pending=pending), bills, pending


def drafts() -> list[Any]:
    return [
        SimpleNamespace(account_id=account, currency="USD", total=Decimal(7), bill_date=date(2026, 1, 1))
        for account in ["never-billed", *ACCOUNTS]
    ]


def rules_about(*accounts: str) -> Rules:
    ladders: dict[tuple[str, str | None], Ladder] = {
        (BILL, whose): Ladder([0], [Rule(whose, BILL, Decimal(1), whose)])
        for whose in (account_in(account, "USD") for account in accounts)
    }
    return Rules(ladders, frozenset((BILL,)))


def test_each_is_armed_as_one_alone_is_and_bills_are_gone_through_once() -> None:
    family, bills, pending = billed()
    named = ["never-billed", *ACCOUNTS]
    levels = list(unbilled_levels(drafts(), family, rules_about(*named)))
    assert (bills.times, pending.times) == (1, 1)
    assert {level.subject_id: level.arming for level in levels} == {
        account: armed_to_bill(family, account, "USD") for account in named
    }
    armings = [level.arming for level in levels[:3]]
    assert armings == ["", "child-0-1-USD/child-0-3-USD", "child-1-1-USD"]


def test_whom_no_rule_names_is_not_looked_at() -> None:
    family, bills, pending = billed()
    assert [level.account_id for level in unbilled_levels(drafts(), family, rules_about("child-7"))] == ["child-7"]
    assert not list(unbilled_levels(drafts(), family, rules_about("stranger")))
    assert (bills.times, pending.times) == (1, 1), "of the one family with a rule"
