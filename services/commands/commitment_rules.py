"""Rules of commitments and balances: terms, top-ups, cancellations, transactions (rules 6.8, 6.9, 6.14 to 6.18), and
the use of one, which prevents its deletion without force (rules 8.10).
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, get_args

from events.facts.commitments import (
    BalanceTransacted,
    BillingGrid,
    CancelPolicy,
    CommitmentCancelled,
    CommitmentToppedUp,
)
from events.resources.balances import Balance
from events.resources.charges import AccountCharge
from events.resources.commitments import Commitment, CommitmentType
from projections.calendar import local_day, named_day
from projections.entities import BalanceEntity, CommitmentEntity, Entity
from projections.rating.index import index_families
from projections.resources import Resources
from projections.settlement import Billed
from projections.settlement.billing_periods import billing_grid
from services.commands.account_rules import check_contract_owner
from services.commands.checks import check_precision, check_term, check_version, existing
from services.commands.messages import CancelCommitment, TopUpCommitment, TransactBalance, UpdateResource
from services.commands.refused import AlreadyCancelled, InvalidField
from services.commands.schedule_rules import check_currency, check_debit, check_debits, schedules_of
from services.commands.table import KINDS

#: The first is the default.
POLICIES: dict[CommitmentType, tuple[CancelPolicy, ...]] = {
    "MINIMUM": ("TRUE_UP", "PRORATE", "WAIVE"),
    "PREPAYMENT": ("ACCELERATE", "KEEP", "WAIVE"),
}


assert {policy for policies in POLICIES.values() for policy in policies} == set(get_args(CancelPolicy))


def check_commitment(resources: Resources, body: Commitment, current: CommitmentEntity | None) -> None:
    """Check that amounts are payable, fees' periods do not end before they start, the contract is the account's, and
    earlier top-ups stay within the term.
    """
    if current is not None:
        _check_open(current)
        _check_top_ups_fit(current, body)
    for field, amount in (
        ("amount", body.amount),
        ("amountPrePaid", body.amount_pre_paid),
        ("amountFirstBill", body.amount_first_bill),
        ("rolloverAmount", body.rollover_amount),
        *((f"feeDates[{number}].amount", fee.amount) for number, fee in enumerate(body.fee_dates or ())),
    ):
        check_precision(field, amount, body.currency)
    zone = resources.accounts[body.account_id].timezone
    for number, fee in enumerate(body.fee_dates or ()):
        names = ("servicePeriodStartDate", f"feeDates[{number}].servicePeriodEndDate")
        check_term(fee.service_period_start_date, fee.service_period_end_date, zone, names)
    check_contract_owner(resources, body.account_id, body.contract_id)


#: An amendment that changes one of these fields fixes the grid of commitment periods again.
_OF_GRID = ("billing_plan_id", "bill_epoch", "start_date")


def grid_of(resources: Resources, body: Commitment, current: CommitmentEntity | None) -> dict[str, BillingGrid]:
    """The fact's `grid`: the billing periods of a MINIMUM, fixed when it is made; later account plans do not move them.

    Raises: InvalidField if it has commitment periods and several account plans could give them.
    """
    if body.kind != "MINIMUM":
        return {}
    if (
        current is not None
        and current.grid
        and all(getattr(current.body, field) == getattr(body, field) for field in _OF_GRID)
    ):
        return {"grid": current.grid}
    grid = billing_grid(resources, index_families(resources), resources.accounts[body.account_id], body)
    if grid is None and body.commitment_period_interval is not None:
        rule = "is required with commitmentPeriodInterval when the account has several account plans"
        raise InvalidField(field="billingPlanId", rule=rule)
    return {"grid": grid} if grid is not None else {}


def regrid(resources: Resources, current: CommitmentEntity, command: UpdateResource) -> dict[str, BillingGrid]:
    """The fact's `grid` for an amendment."""
    assert isinstance(command.body, Commitment)
    return grid_of(resources, command.body, current)


def _check_top_ups_fit(current: CommitmentEntity, body: Commitment) -> None:
    for top_up in current.top_ups:
        if not body.start_date <= top_up.date < body.end_date:
            raise InvalidField(field="endDate", rule=f"the term must hold the top-up of {top_up.date}")
        if top_up.recurring and body.kind != "MINIMUM":
            raise InvalidField(field="commitmentType", rule="must stay MINIMUM, because it has a recurring top-up")
        check_precision("currency", top_up.amount, body.currency)


def check_balance(resources: Resources, body: Balance, current: Entity[Any] | None) -> None:
    """Check that its term does not end before it starts, its amounts are payable in its currency, its contract is the
    account's, and its schedules still cover its debits.
    """
    zone = resources.accounts[body.account_id].timezone
    check_term(body.start_date, body.end_date, zone)
    if body.rollover_end_date is not None and named_day(body.rollover_end_date, zone) < named_day(body.end_date, zone):
        raise InvalidField(field="rolloverEndDate", rule="must not be before endDate")
    check_precision("rolloverAmount", body.rollover_amount, body.currency)
    check_contract_owner(resources, body.account_id, body.contract_id)
    if isinstance(current, BalanceEntity):
        check_currency(resources, current, body.currency)
        check_debits(replace(current, body=body), zone, schedules_of(resources, current))


def check_charge(resources: Resources, body: AccountCharge) -> None:
    """Check that its service does not end before it starts, its amount is payable, and its contract and balance are the
    account's.
    """
    zone = resources.accounts[body.account_id].timezone
    names = ("servicePeriodStartDate", "servicePeriodEndDate")
    check_term(body.service_period_start_date, body.service_period_end_date, zone, names)
    check_precision("amount", body.amount, body.currency)
    check_contract_owner(resources, body.account_id, body.contract_id)
    if body.entity_id is not None and resources.balances[body.entity_id].body.account_id != body.account_id:
        raise InvalidField(field="entityId", rule="must name a balance of the account")


def top_up(resources: Resources, command: TopUpCommitment) -> CommitmentToppedUp:
    """The facts of a top-up. Raises: AlreadyCancelled, VersionConflict, InvalidField."""
    commitment = _commitment(resources, command.id)
    check_version("commitment", commitment, command.version)
    _check_open(commitment)
    if command.amount <= 0:
        raise InvalidField(field="amount", rule="must be greater than 0")
    check_precision("amount", command.amount, commitment.body.currency)
    _check_in_term(commitment.body, command.date)
    if command.recurring and commitment.body.kind != "MINIMUM":
        raise InvalidField(field="recurring", rule="can be true on a MINIMUM commitment only")
    return CommitmentToppedUp(
        id=commitment.id,
        version=commitment.version + 1,
        amount=command.amount,
        date=command.date,
        recurring=command.recurring,
        **(command.rule.said() if command.rule else {}),
    )


def cancel(resources: Resources, command: CancelCommitment) -> CommitmentCancelled:
    """The facts of a cancel. Raises: AlreadyCancelled, VersionConflict, InvalidField."""
    commitment = _commitment(resources, command.id)
    check_version("commitment", commitment, command.version)
    _check_open(commitment)
    _check_in_term(commitment.body, command.date)
    policies = POLICIES[commitment.body.kind]
    policy = command.policy or policies[0]
    if policy not in policies:
        rule = f"must be one of {', '.join(policies)} for a {commitment.body.kind} commitment"
        raise InvalidField(field="policy", rule=rule)
    return CommitmentCancelled(id=commitment.id, version=commitment.version + 1, date=command.date, policy=policy)


def transact(resources: Resources, command: TransactBalance) -> BalanceTransacted:
    """The fact of a transaction, usable from the transaction date, else the applied date, else today; a day of the
    account's zone.

    Before the start it is usable from the start; credit paid in from endDate on can no longer be drawn. Raises:
    TooFineAmount, InvalidField.
    """
    balance = existing(resources, KINDS["balance"], command.id)
    assert isinstance(balance, BalanceEntity)
    details = command.transaction
    check_precision("amount", details.amount, balance.body.currency)
    zone = resources.accounts[balance.body.account_id].timezone
    given = details.transaction_date or details.applied_date
    day = named_day(given, zone) if given else local_day(command.now, zone)
    if details.amount < 0:
        check_debit(resources, balance, day, details.amount)
    return BalanceTransacted(
        id=balance.id,
        version=balance.version + 1,
        transaction_id=command.transaction_id,
        amount=details.amount,
        date=day,
        details=details,
        **(command.rule.said() if command.rule else {}),
    )


def _commitment(resources: Resources, id: str) -> CommitmentEntity:
    commitment = existing(resources, KINDS["commitment"], id)
    assert isinstance(commitment, CommitmentEntity)
    return commitment


def _check_open(commitment: CommitmentEntity) -> None:
    if commitment.cancellation is not None:
        raise AlreadyCancelled(name=commitment.called)


def _check_in_term(body: Commitment, day: date) -> None:
    if not body.start_date <= day < body.end_date:
        rule = f"must lie in the commitment's term, from {body.start_date} until before {body.end_date}"
        raise InvalidField(field="date", rule=rule)


def is_used(agreement_id: str, *, billed: Billed, spent: Decimal) -> bool:
    """Whether it has drawn or billed anything: `billed` are its root's bills, `spent` is the amount drawn."""
    return bool(spent) or any(key.agreement_id == agreement_id for key in billed.by_key)
