"""Rules of balance schedules (rules 3.26, 4.8, 8.14), and the rule that debits of a balance stay covered."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any

from events.decimals import plain
from events.resources.balances import Balance, BalanceChargeSchedule, BalanceSchedule, BalanceTransactionSchedule
from projections.calendar import local_day, named_day
from projections.entities import BalanceEntity, ScheduleEntity
from projections.rating.index import index_families
from projections.resources import Resources
from projections.schedules import balance_days, balance_schedules, top_ups
from services.commands.checks import check_precision, check_term
from services.commands.messages import DeleteResource, UpdateResource
from services.commands.refused import DebitUncovered, InvalidField
from services.commands.table import KINDS

#: Kinds whose changes and deletions take effect on a day.
SCHEDULES = tuple(kind.name for kind in KINDS.values() if kind.entity is ScheduleEntity)


def check_schedule(resources: Resources, body: BalanceSchedule) -> None:
    """Check that it does not end before it starts, lies in the balance's term, and is in the balance's currency."""
    balance = resources.balances[body.balance_id].body
    zone = _zone(resources, balance)
    check_term(body.first, body.last, zone, body.term)
    term = balance_days(balance, zone)
    if named_day(body.first, zone) < term.start:
        raise InvalidField(field=body.term[0], rule=f"must not be before the balance's startDate, {term.start}")
    if named_day(body.last, zone) > term.end:
        raise InvalidField(field=body.term[1], rule=f"must not be after the balance's endDate, {term.end}")
    if isinstance(body, BalanceChargeSchedule) and body.currency != balance.currency:
        raise InvalidField(field="currency", rule=f"must be the balance's, {balance.currency}")
    if isinstance(body, BalanceChargeSchedule | BalanceTransactionSchedule):
        check_precision("amount", body.amount, balance.currency)


def changed(resources: Resources, current: ScheduleEntity[Any], command: UpdateResource) -> dict[str, date]:
    """The fact's `effective`, the day from which the new terms apply. Raises: DebitUncovered."""
    assert isinstance(command.body, BalanceSchedule)
    balance = resources.balances[current.body.balance_id]
    effective = _effective(resources, balance.body, command.effective, command.now)
    _check_left(resources, balance, current, current.with_terms(command.body, effective))
    return {"effective": effective}


def ended(resources: Resources, current: ScheduleEntity[Any], command: DeleteResource) -> dict[str, Any]:
    """The fact's members: the day from which the schedule has no effect, and its balance. Raises: DebitUncovered."""
    balance = resources.balances[current.body.balance_id]
    effective = _effective(resources, balance.body, command.effective, command.now)
    _check_left(resources, balance, current, current.ending(effective, command.force))
    return {"effective": effective, "balance_id": balance.id}


def _effective(resources: Resources, balance: Balance, given: date | None, now: datetime) -> date:
    """The given day, else tomorrow: top-ups and fees due today keep their terms."""
    return given or local_day(now, _zone(resources, balance)) + timedelta(days=1)


def _check_left(
    resources: Resources, balance: BalanceEntity, current: ScheduleEntity[Any], after: ScheduleEntity[Any] | None
) -> None:
    others = [schedule for schedule in schedules_of(resources, balance) if schedule.id != current.id]
    schedules = others if after is None else [*others, after]
    check_debits(balance, _zone(resources, balance.body), schedules)


def check_currency(resources: Resources, balance: BalanceEntity, currency: str) -> None:
    """Check that all its payments are payable in this currency, and that its fees are in it."""
    if currency == balance.body.currency:
        return
    paying = (term.body for each in schedules_of(resources, balance) for term in each.terms)
    amounts = [body.amount for body in paying if isinstance(body, BalanceTransactionSchedule)]
    for amount in (*(each.amount for each in balance.transactions), *amounts):
        check_precision("currency", amount, currency)
    for fee in resources.balance_charge_schedules.values():
        if fee.body.balance_id == balance.id and fee.body.currency != currency:
            rule = f"must be {fee.body.currency}, in which balanceChargeSchedule {fee.id} charges for it"
            raise InvalidField(field="currency", rule=rule)


def schedules_of(resources: Resources, balance: BalanceEntity) -> list[ScheduleEntity[Any]]:
    """The schedules that pay into the balance, deleted or not."""
    return list(balance_schedules(resources, index_families(resources), balance, BalanceTransactionSchedule))


def check_debit(resources: Resources, balance: BalanceEntity, day: date, debit: Decimal) -> None:
    """Check that a debit takes out no more than is paid in, on its day and on every later day.

    Draws do not matter: a debit comes before draws, even of late usage (`PaidIn`). Raises: InvalidField.
    """
    totals = _left(balance, _zone(resources, balance.body), schedules_of(resources, balance), (day, debit))
    left = min(total for at, total in totals if at >= day)
    if left < 0:
        raise InvalidField(field="amount", rule=f"must not take out more than the {plain(left - debit)} paid in")


def check_debits(balance: BalanceEntity, zone: str, schedules: Iterable[ScheduleEntity[Any]]) -> None:
    """Check that with these schedules all debits are still covered. Raises: DebitUncovered."""
    for day, left in _left(balance, zone, schedules):
        if left < 0:
            raise DebitUncovered(id=balance.id, day=day, lacking=plain(-left))


def _left(
    balance: BalanceEntity,
    zone: str,
    schedules: Iterable[ScheduleEntity[Any]],
    *more: tuple[date, Decimal],
) -> Iterator[tuple[date, Decimal]]:
    """The amount in the balance on each day with a posting: all postings and scheduled payments by then."""
    by_day: dict[date, Decimal] = {}
    for day, amount in (*((posting.date, posting.amount) for posting in balance.transactions), *more):
        by_day[day] = by_day.get(day, Decimal(0)) + amount
    paying = [schedule for schedule in schedules if isinstance(schedule.body, BalanceTransactionSchedule)]
    recurring = [series for schedule in paying for series in top_ups(schedule, balance.body, zone)]
    days = sorted(by_day)
    for day, posted in zip(days, accumulate(by_day[day] for day in days), strict=True):
        yield day, posted + sum(series.body.amount * series.days.by(day) for series in recurring)


def _zone(resources: Resources, balance: Balance) -> str:
    return resources.accounts[balance.account_id].timezone
