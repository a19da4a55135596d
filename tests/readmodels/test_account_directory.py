"""Facts to rows of `account_directory`: every account of a family, its plans, and whether a new day may touch it."""

from typing import Any

from events.envelope import Envelope
from events.facts.commitments import AccountChargeCreated, BalanceCreated, CommitmentCreated, CommitmentUpdated
from events.facts.resources import AccountCreated, AccountPlanCreated, AccountPlanDeleted, AccountPlanUpdated
from projections.readmodels.directory import DirectoryRow, Member, directory_rows, note_member
from tests.catalog import TERM
from tests.projector.log import id_of
from tests.readmodels.given import told

ROOT, CHILD, A, B = map(id_of, ("root", "child", "plan a", "plan b"))
CHARGE = {"code": "o", "name": "O", "currency": "USD", "amount": "5", "entityType": "AD_HOC", "lineItemType": "AD_HOC"}
CHARGE |= {"servicePeriodStartDate": "2026-01-01", "servicePeriodEndDate": "2026-02-01"}


def rows_of(*facts: Envelope) -> dict[str, DirectoryRow]:
    """The family's rows by account."""
    members: dict[str, Member] = {}
    for fact in facts:
        note_member(members, fact)
    return {row.account_id: row for row in directory_rows("org", 3, ROOT, members)}


def account(id: str, zone: str = "UTC", **more: Any) -> Envelope:
    body = {"code": id, "name": id, "emailAddress": "a@example.com"} | more
    return told(AccountCreated, id=id, version=1, body=body, rootId=ROOT, partition=3, timezone=zone)


def plan(fact: type[Any], version: int, plan_id: str) -> Envelope:
    body = {"accountId": ROOT, "planId": plan_id, "startDate": "2026-01-01"}
    return told(fact, id="attached", version=version, body=body)


def test_an_account_stands_there_with_its_zone_and_nothing_that_a_day_could_change() -> None:
    assert rows_of(account(ROOT, "Asia/Tokyo")) == {
        ROOT: DirectoryRow(ROOT, 3, "org", ROOT, timezone="Asia/Tokyo", plans="", billable=False)
    }


def test_a_child_stands_under_its_root() -> None:
    rows = rows_of(account(ROOT), account(CHILD, parentAccountId=ROOT))
    assert {id: row.root_id for id, row in rows.items()} == {ROOT: ROOT, CHILD: ROOT}


def test_every_plan_that_was_ever_attached_is_remembered() -> None:
    attached = [account(ROOT), plan(AccountPlanCreated, 1, B), plan(AccountPlanUpdated, 2, A)]
    assert rows_of(*attached)[ROOT].plans == " ".join(sorted([A, B]))
    [row] = rows_of(*attached, told(AccountPlanDeleted, id="attached", version=3)).values()
    assert (row.plans.split(), row.billable) == (sorted([A, B]), True)


def test_the_plan_whose_bills_a_commitments_fees_go_by_is_remembered() -> None:
    terms = TERM | {"accountId": ROOT, "amount": "100"}
    made = told(CommitmentCreated, id="c", version=1, body=terms | {"billingPlanId": A})
    changed = told(CommitmentUpdated, id="c", version=2, body=terms | {"billingPlanId": B})
    assert rows_of(account(ROOT), made)[ROOT].plans == A
    assert rows_of(account(ROOT), made, changed)[ROOT].plans == " ".join(sorted([A, B]))


def test_a_commitment_a_balance_or_a_charge_makes_days_count() -> None:
    commitment = told(CommitmentCreated, id="c", version=1, body=TERM | {"accountId": ROOT, "amount": "100"})
    balance = told(BalanceCreated, id="b", version=1, body=TERM | {"accountId": ROOT, "code": "b", "name": "B"})
    charge = told(AccountChargeCreated, id="o", version=1, body=CHARGE | {"accountId": ROOT})
    for terms in (commitment, balance, charge):
        rows = rows_of(account(ROOT), account(CHILD, parentAccountId=ROOT), terms)
        assert {id: row.billable for id, row in rows.items()} == {ROOT: True, CHILD: False}
