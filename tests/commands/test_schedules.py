"""Which schedules a balance takes, from when on a change of one holds, and that no debit loses what covers it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from events.facts.commitments import (
    BalanceChargeScheduleCreated,
    BalanceChargeScheduleDeleted,
    BalanceTransacted,
    BalanceTransactionScheduleCreated,
    BalanceTransactionScheduleDeleted,
    BalanceTransactionScheduleUpdated,
    BalanceUpdated,
)
from events.resources.balances import BalanceTransaction
from services.commands import refused
from services.commands.bodies import parse_body
from services.commands.messages import TransactBalance, UpdateResource
from services.commands.schedule_rules import schedules_of
from tests.commands.world import NOW, Story, create, delete, document, given, id_of, update

TOP_UPS, FEES = "balanceTransactionSchedule", "balanceChargeSchedule"


def a_balance(**more: Any) -> Story:
    return given(create("balance", "wallet", accountId="@acme", **more))


def refill(name: str = "refill", **more: Any) -> Any:
    return create(TOP_UPS, name, balanceId="@wallet", **more)


def fee(name: str = "keeping", **more: Any) -> Any:
    return create(FEES, name, balanceId="@wallet", **more)


def debit(amount: int, day: str) -> Any:
    body = BalanceTransaction.model_validate({"amount": -amount, "transactionDate": day})
    return TransactBalance(id_of("wallet"), body, "t", NOW)


def test_a_balance_takes_schedules_of_both_kinds() -> None:
    story = a_balance()
    story.when(refill()).then(BalanceTransactionScheduleCreated)
    story.when(fee()).then(BalanceChargeScheduleCreated)
    story.when(refill("other", code="other", startDate="2026-05-01", endDate="2026-05-01")).then(
        BalanceTransactionScheduleCreated
    )


def test_a_schedule_of_fees_that_was_deleted_pays_nothing_in() -> None:
    story = a_balance()
    story.when(fee()).then(BalanceChargeScheduleCreated)
    story.when(delete(FEES, "keeping", effective=date(2026, 3, 1))).then(BalanceChargeScheduleDeleted)
    balance = story.resources.balances[id_of("wallet")]
    assert balance.schedules
    assert not schedules_of(story.resources, balance)


@pytest.mark.parametrize(
    ("command", "error", "message"),
    [
        (create(TOP_UPS, "x", balanceId="@nobody"), refused.UnknownReference, "balanceId: there is no balance with id"),
        (create(FEES, "x", balanceId="@acme"), refused.UnknownReference, "balanceId: there is no balance with id"),
        (refill(startDate="2025-12-31"), refused.InvalidField, "startDate: must not be before the balance's startDate"),
        (refill(endDate="2027-01-02"), refused.InvalidField, "endDate: must not be after the balance's endDate, 2027"),
        (refill(startDate="2026-12-31", endDate="2026-12-30"), refused.InvalidField, "endDate: must not be before"),
        (refill(amount=Decimal("0.001")), refused.TooFineAmount, "amount: 0.001 is finer"),
        (fee(servicePeriodStartDate="2025-01-01"), refused.InvalidField, "servicePeriodStartDate: must not be before"),
        (fee(servicePeriodEndDate="2028-01-01"), refused.InvalidField, "servicePeriodEndDate: must not be after the"),
        (fee(servicePeriodEndDate="2026-01-14"), refused.InvalidField, "must not be before servicePeriodStartDate"),
        (fee(currency="EUR"), refused.InvalidField, "currency: must be the balance's, USD"),
        (fee(amount=Decimal("0.001")), refused.TooFineAmount, "amount: 0.001 is finer"),
    ],
)
def test_what_a_balance_has_no_place_for_is_refused(
    command: Any, error: type[refused.CommandError], message: str
) -> None:
    a_balance().when(command).refused(error, message)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (TOP_UPS, {"amount": -1}, "amount: must be greater than or equal to 0"),
        (TOP_UPS, {"frequency": "HOURLY"}, "frequency: must be 'DAILY', 'WEEKLY', 'MONTHLY' or 'ANNUALLY'"),
        (TOP_UPS, {"frequencyInterval": 0}, "frequencyInterval: must be greater than or equal to 1"),
        (TOP_UPS, {"frequencyInterval": 366}, "frequencyInterval: must be less than or equal to 365"),
        (TOP_UPS, {"transactionTypeId": None}, "transactionTypeId: is required"),
        (TOP_UPS, {"endDate": None}, "endDate: is required"),
        (FEES, {"amount": -1}, "amount: must be greater than or equal to 0"),
        (FEES, {"amount": None}, "amount: is required, or units with unitPrice"),
        (FEES, {"amount": None, "units": 1}, "amount: is required, or units with unitPrice"),
        (FEES, {"units": 1, "unitPrice": 1}, "amount: does not go with units and unitPrice"),
        (FEES, {"billFrequencyInterval": 0}, "billFrequencyInterval: must be greater than or equal to 1"),
        (FEES, {"billInAdvance": "yes"}, "billInAdvance: must be true or false"),
        (FEES, {"billInAdvance": None}, "billInAdvance: is required"),
    ],
)
def test_a_body_that_is_no_schedule_is_refused_by_field(kind: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(refused.InvalidBody) as caught:
        parse_body(kind, document(kind, balanceId="@wallet", **change))
    assert message in str(caught.value)


def test_a_schedule_keeps_its_balance_and_its_version_is_asked_for() -> None:
    story = a_balance().given(refill(), create("balance", "other", accountId="@acme", code="other"))
    story.when(update(TOP_UPS, "refill", 2, balanceId="@wallet")).refused(
        refused.VersionConflict, "at version 1, not 2"
    )
    story.when(update(TOP_UPS, "refill", 1, balanceId="@other")).refused(refused.InvalidField, "balanceId: is set at")
    story.when(refill("again")).refused(refused.NotUnique, "code: refill is taken")


def test_a_balance_with_a_schedule_is_not_deleted() -> None:
    story = a_balance().given(fee())
    story.when(delete("balance", "wallet", force=True)).refused(refused.Referenced, FEES)
    story.given(delete(FEES, "keeping"), delete("balance", "wallet", force=True))
    assert not story.resources.balances and not story.resources.balance_charge_schedules


def test_a_change_holds_from_the_day_after_the_command_in_the_accounts_zone_unless_it_says_another() -> None:
    story = a_balance().given(refill())
    [fact] = story.when(update(TOP_UPS, "refill", 1, balanceId="@wallet", amount=20)).then(
        BalanceTransactionScheduleUpdated
    )
    assert fact.effective == date(2026, 1, 2)
    late = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)  # in Berlin it is the next day already
    body = parse_body(TOP_UPS, document(TOP_UPS, balanceId="@wallet"))
    [fact] = story.when(UpdateResource(TOP_UPS, id_of("refill"), body, 2, late)).then(BalanceTransactionScheduleUpdated)
    assert fact.effective == date(2026, 1, 3)
    [fact] = story.when(delete(TOP_UPS, "refill", effective=date(2026, 7, 1))).then(BalanceTransactionScheduleDeleted)
    assert (fact.effective, fact.balance_id, fact.force) == (date(2026, 7, 1), id_of("wallet"), False)


def test_what_is_left_of_a_schedule_that_was_deleted_stays_with_its_balance() -> None:
    story = a_balance().given(refill(), fee())
    story.when(delete(TOP_UPS, "refill", effective=date(2026, 3, 1))).then(BalanceTransactionScheduleDeleted)
    story.when(delete(FEES, "keeping", force=True)).then(BalanceChargeScheduleDeleted)
    [left] = story.resources.balances[id_of("wallet")].schedules
    assert (left.id, left.ended) == (id_of("refill"), date(2026, 3, 1))
    story.given(refill("late", code="late", startDate="2026-08-01"), delete(TOP_UPS, "late"))
    assert len(story.resources.balances[id_of("wallet")].schedules) == 1  # it had not begun


def test_a_fact_about_a_schedule_is_one_about_what_its_balance_has() -> None:
    story = a_balance()
    before = story.resources.balances[id_of("wallet")]
    story.given(refill())
    after = story.resources.balances[id_of("wallet")]
    assert after.folded == story.position > before.folded
    assert (after.version, after.modified) == (before.version, before.modified)


def test_a_debit_takes_what_a_schedule_gives_by_its_day_and_the_schedule_then_stays() -> None:
    story = a_balance().given(refill())
    story.when(debit(21, "2026-02-28")).refused(refused.InvalidField, "amount: must not take out more than the 20 paid")
    story.when(debit(15, "2026-02-28")).then(BalanceTransacted)
    lower = update(TOP_UPS, "refill", 1, date(2026, 2, 1), balanceId="@wallet", amount=4)
    story.when(lower).refused(refused.DebitUncovered, "taken out of it by 2026-02-28 would be 1 more than what is paid")
    story.when(delete(TOP_UPS, "refill", force=True)).refused(refused.DebitUncovered, "15 more than")
    story.when(delete(TOP_UPS, "refill", effective=date(2026, 2, 15))).refused(
        refused.DebitUncovered, "would be 5 more"
    )
    shorter = update("balance", "wallet", 2, accountId="@acme", endDate="2026-02-15")
    story.when(shorter).refused(refused.DebitUncovered, "5 more than")
    story.when(update("balance", "wallet", 2, accountId="@acme", endDate="2026-03-15")).then(BalanceUpdated)
    story.when(delete(TOP_UPS, "refill", effective=date(2026, 3, 1))).then(BalanceTransactionScheduleDeleted)
    story.when(debit(6, "2026-03-05")).refused(refused.InvalidField, "more than the 5 paid in")


def test_a_balance_keeps_a_currency_in_which_all_that_it_has_can_be_paid_and_is_charged() -> None:
    def turned(version: int, currency: str) -> Any:
        return update("balance", "wallet", version, accountId="@acme", currency=currency)

    a_balance().given(fee()).when(turned(1, "EUR")).refused(
        refused.InvalidField, "currency: must be USD, in which balanceChargeSchedule"
    )
    cents = BalanceTransaction.model_validate({"amount": Decimal("1.5"), "transactionDate": "2026-02-01"})
    story = a_balance().given(TransactBalance(id_of("wallet"), cents, "t", NOW))
    story.when(turned(2, "JPY")).refused(refused.TooFineAmount, "currency: 1.5 is finer than the minor unit of JPY")
    story.when(turned(2, "EUR")).then(BalanceUpdated)
    story = a_balance().given(refill(amount=Decimal("2.5")), delete(TOP_UPS, "refill", effective=date(2026, 3, 1)))
    story.when(turned(1, "JPY")).refused(refused.TooFineAmount, "currency: 2.5 is finer")
