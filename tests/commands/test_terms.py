"""Terms of commitments and balances: amounts, top-ups, cancellations, transactions."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from events.facts.commitments import (
    BalanceTransacted,
    CommitmentCancelled,
    CommitmentCreated,
    CommitmentDeleted,
    CommitmentToppedUp,
)
from events.resources.balances import BalanceTransaction
from services.commands import refused
from tests.commands.world import (
    NOW,
    CancelCommitment,
    TopUpCommitment,
    TransactBalance,
    commitment,
    create,
    delete,
    given,
    id_of,
    update,
)

MINIMUM: dict[str, Any] = {"commitmentType": "MINIMUM"}


def top_up(amount: str = "10", day: str = "2026-06-01", version: int | None = 1, recurring: bool = False) -> Any:
    return TopUpCommitment(id_of("commitment"), Decimal(amount), date.fromisoformat(day), recurring, version, NOW)


def cancel(day: str = "2026-06-01", policy: Any = None, version: int | None = 1) -> Any:
    return CancelCommitment(id_of("commitment"), date.fromisoformat(day), policy, version, NOW)


@pytest.mark.parametrize(
    ("currency", "more", "message"),
    [
        ("USD", {"amount": Decimal("100.005")}, "amount: 100.005 is finer than the minor unit of USD"),
        ("JPY", {"amount": Decimal("100.5")}, "amount: 100.5 is finer than the minor unit of JPY, which has 0 digits"),
        ("USD", {"amountPrePaid": Decimal("0.001")}, "amountPrePaid: 0.001 is finer"),
        ("USD", {"amountFirstBill": Decimal("0.001")}, "amountFirstBill: 0.001 is finer"),
        (
            "USD",
            {"rolloverAmount": Decimal("0.001"), "rolloverEndDate": "2028-01-01"},
            "rolloverAmount: 0.001 is finer",
        ),
    ],
)
def test_amounts_that_cannot_be_paid_are_refused(currency: str, more: dict[str, Any], message: str) -> None:
    given().when(commitment(currency=currency, **more)).refused(refused.TooFineAmount, message)


def test_three_digits_of_a_dinar_can_be_paid() -> None:
    given().when(commitment(currency="KWD", amount=Decimal("100.005"))).then(CommitmentCreated)
    given().when(commitment(amount=Decimal("100.500"))).then(CommitmentCreated)


@pytest.mark.parametrize(
    ("zone", "start", "end", "taken"),
    [
        ("UTC", "2026-12-01", "2026-01-01T00:00:00Z", False),
        ("UTC", "2026-01-02T00:00:00Z", "2026-01-02", True),
        ("America/New_York", "2026-01-02T00:00:00Z", "2026-01-02T03:00:00Z", False),
        ("America/New_York", "2026-01-02T12:00:00Z", "2026-01-02T00:00:00Z", True),
    ],
)
def test_a_fees_period_does_not_end_before_it_starts_in_the_accounts_days(
    zone: str, start: str, end: str, taken: bool
) -> None:
    fee = {"date": "2026-02-01", "amount": 100, "servicePeriodStartDate": start, "servicePeriodEndDate": end}
    there = create("account", "there", code="there", timezone=zone)
    told = given(there).when(create("commitment", "c", accountId="@there", feeDates=[fee]))
    if taken:
        told.then(CommitmentCreated)
    else:
        told.refused(
            refused.InvalidField, "feeDates[0].servicePeriodEndDate: must not be before servicePeriodStartDate"
        )


@pytest.mark.parametrize("day", ["2025-12-31", "2027-01-01"])
def test_top_ups_and_cancels_lie_in_the_term(day: str) -> None:
    story = given(commitment())
    for command in (top_up(day=day), cancel(day)):
        story.when(command).refused(refused.InvalidField, "date: must lie in the commitment's term")


def test_a_balance_rolls_over_to_a_day_that_is_not_before_its_end() -> None:
    def balance(last: str) -> Any:
        return create("balance", "wallet", accountId="@acme", rolloverAmount=5, rolloverEndDate=last)

    message = "rolloverEndDate: must not be before endDate"
    given().when(balance("2026-12-31")).refused(refused.InvalidField, message)
    given().given(balance("2027-01-01"))


def test_a_dated_change_of_a_plan_does_not_go_with_another_template() -> None:
    story = given(create("planTemplate", "other", productId="@product"))
    day = date(2026, 2, 1)
    moved = update("plan", "plan", 1, effective=day, planTemplateId="@other", minimumSpend=5)
    story.when(moved).refused(refused.InvalidField, "effectiveDate: does not go with another planTemplateId")
    story.given(update("plan", "plan", 1, effective=day, planTemplateId="@template", minimumSpend=5))


def test_a_top_up_raises_the_amount() -> None:
    story = given(commitment())
    [fact] = story.when(top_up("10.50")).then(CommitmentToppedUp)
    assert (fact.version, fact.amount, fact.recurring) == (2, Decimal("10.50"), False)
    story.when(top_up("1")).refused(refused.VersionConflict, "version")
    story.when(top_up("1.001", version=2)).refused(refused.TooFineAmount, "amount: 1.001 is finer")
    story.when(top_up("0", version=2)).refused(refused.InvalidField, "amount: must be greater than 0")
    story.when(top_up(version=2, recurring=True)).refused(refused.InvalidField, "recurring: can be true on a MINIMUM")


def test_a_minimum_is_topped_up_for_all_later_periods() -> None:
    assert given(commitment(**MINIMUM)).when(top_up(recurring=True)).then(CommitmentToppedUp)[0].recurring


def test_amended_terms_keep_earlier_top_ups_inside() -> None:
    story = given(commitment(), top_up())
    shorter = update("commitment", "commitment", 2, accountId="@acme", endDate="2026-06-01")
    story.when(shorter).refused(refused.InvalidField, "endDate: the term must hold the top-up of 2026-06-01")
    story = given(commitment(**MINIMUM), top_up(recurring=True))
    other = update("commitment", "commitment", 2, accountId="@acme")
    story.when(other).refused(refused.InvalidField, "commitmentType: must stay MINIMUM")


@pytest.mark.parametrize(
    ("kind", "default", "wrong"), [("MINIMUM", "TRUE_UP", "ACCELERATE"), ("PREPAYMENT", "ACCELERATE", "PRORATE")]
)
def test_each_type_has_its_policies(kind: str, default: str, wrong: str) -> None:
    story = given(commitment(commitmentType=kind))
    story.when(cancel(policy=wrong)).refused(refused.InvalidField, "policy: must be one of")
    assert story.when(cancel()).then(CommitmentCancelled)[0].policy == default


def test_a_cancelled_commitment_takes_no_further_change() -> None:
    story = given(commitment(code="prepaid"), cancel(policy="WAIVE"))
    for command in (top_up(version=2), cancel(version=2), update("commitment", "commitment", 2, accountId="@acme")):
        story.when(command).refused(refused.AlreadyCancelled, "commitment prepaid is cancelled")
    story.when(delete("commitment", "commitment")).then(CommitmentDeleted)


def test_a_transaction_counts_from_its_day_in_the_accounts_zone() -> None:
    story = given(create("balance", "balance", accountId="@acme"))

    def transact(**more: Any) -> Any:
        return TransactBalance(id_of("balance"), BalanceTransaction.model_validate({"amount": 5} | more), "t", NOW)

    late = transact(transactionDate="2026-01-31T23:30:00Z")
    assert story.when(late).then(BalanceTransacted)[0].date == date(2026, 2, 1)
    assert story.when(transact(transactionDate="2026-01-31")).then(BalanceTransacted)[0].date == date(2026, 1, 31)
    assert story.when(transact()).then(BalanceTransacted)[0].date == NOW.date()
    story.when(transact(amount="0.001")).refused(refused.TooFineAmount, "amount: 0.001")


def test_a_balance_takes_debits_of_what_is_paid_in() -> None:
    def transact(amount: int, day: str) -> Any:
        body = BalanceTransaction.model_validate({"amount": amount, "transactionDate": day})
        return TransactBalance(id_of("balance"), body, "t", NOW)

    story = given(create("balance", "balance", accountId="@acme"))
    story.when(transact(-1, "2026-03-01")).refused(refused.InvalidField, "more than the 0 paid in")
    story.when(transact(100, "2025-12-01")).then(BalanceTransacted)
    story.when(transact(-60, "2026-03-01")).then(BalanceTransacted)
    story.when(transact(-50, "2026-02-01")).refused(refused.InvalidField, "amount: must not take out more than the 40")
    story.when(transact(50, "2026-06-01")).then(BalanceTransacted)
    story.when(transact(-50, "2026-05-01")).refused(refused.InvalidField, "amount: must not take out more than the 40")
    story.when(transact(-50, "2026-06-01")).then(BalanceTransacted)
    story.when(transact(5, "2027-01-01")).then(BalanceTransacted)
