"""The top-ups and fees of balance schedules as the wire shows them: m3ter's transactions and charges, and the days of a
schedule's last and next run (rules 3.26, 4.8).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from events.absent import only_given
from events.actors import shown
from events.resources.balances import BalanceChargeSchedule, BalanceTransactionSchedule
from events.zones import time_zone
from projections.entities import BalanceEntity, ScheduleEntity
from projections.rating.plans import organization_rounding
from projections.resources import Resources
from projections.schedules import FeePeriod, TopUps, fee_periods, occurrence_id, top_ups
from services.api.wire import body_document

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OfBalance:
    """A balance with schedules; `resources` hold the configuration and the balance's account."""

    resources: Resources
    balance: BalanceEntity

    @property
    def zone(self) -> str:
        """The time zone of the balance's account, in which days of its schedules begin."""
        return self.resources.accounts[self.balance.body.account_id].timezone

    def top_ups(self, schedule: ScheduleEntity[Any]) -> list[TopUps]:
        """The top-ups of the schedule."""
        return list(top_ups(schedule, self.balance.body, self.zone))

    def fees(self, schedule: ScheduleEntity[Any], since: date) -> Iterator[FeePeriod]:
        """The fees after the day, preceded by the last few."""
        return fee_periods(self.resources, schedule, self.balance.body, self.zone, since)


def run_fields(of: OfBalance, schedule: ScheduleEntity[Any], today: date) -> Document:
    """`previousRun` and `nextRun`; a member is absent if there is no such day."""
    if isinstance(schedule.body, BalanceTransactionSchedule):
        previous, following = _around((series.days.by(today), series) for series in of.top_ups(schedule))
    else:
        previous, following = None, None
        for fee in of.fees(schedule, today):
            if fee.due > today:
                following = fee.due
                break
            previous = fee.due
    days = {"previousRun": previous, "nextRun": following}
    return {name: midnight(day) for name, day in days.items() if day is not None}


def _around(counted: Iterable[tuple[int, TopUps]]) -> tuple[date | None, date | None]:
    """The last counted day, and the first that was not counted."""
    previous: date | None = None
    for count, series in counted:
        if count:
            previous = series.days.at(count - 1)
        if series.days.first + count < series.days.stop:
            return previous, series.days.at(count)
    return previous, None


def midnight(day: date) -> datetime:
    """The moment that names a day of any zone (rules 2.7)."""
    return datetime.combine(day, time(), UTC)


class ToppedUp(NamedTuple):
    """One top-up of a schedule."""

    day: date
    schedule: ScheduleEntity[Any]
    body: BalanceTransactionSchedule

    def document(self, zone: str) -> Document:
        """The top-up as one of the balance's transactions: made by the scheduler when its day began."""
        body, sent = self.body, body_document(self.body)
        made = datetime.combine(self.day, time(), time_zone(zone)).astimezone(UTC)
        by = shown(self.schedule.created_by)
        return {
            "id": occurrence_id(self.schedule.id, self.day),
            "version": 1,
            "amount": body.amount,
            "transactionDate": midnight(self.day),
            "appliedDate": midnight(self.day),
            "description": body.transaction_description,
            "transactionTypeId": body.transaction_type_id,
            **{name: sent[name] for name in ("paid", "currencyPaid") if name in sent},
            "entityType": "SCHEDULER",
            "entityId": self.schedule.id,
            "dtCreated": made,
            "dtLastModified": made,
            "createdBy": by,
            "lastModifiedBy": by,
        }


def topped_up(of: OfBalance, schedule: ScheduleEntity[Any], through: date) -> Iterator[ToppedUp]:
    """The top-ups of a schedule by the day, newest first."""
    for series in reversed(of.top_ups(schedule)):
        for index in reversed(range(series.days.by(through))):
            yield ToppedUp(series.days.at(index), schedule, series.body)


def coming_top_ups(of: OfBalance, schedule: ScheduleEntity[Any], after: date) -> Iterator[ToppedUp]:
    """The top-ups after the day, oldest first."""
    for series in of.top_ups(schedule):
        for index in range(series.days.by(after), series.days.stop - series.days.first):
            yield ToppedUp(series.days.at(index), schedule, series.body)


def fee_document(of: OfBalance, schedule: ScheduleEntity[Any], fee: FeePeriod) -> Document:
    """A fee as one of m3ter's charges."""
    body: BalanceChargeSchedule = fee.body
    balance, sent = of.balance.body, body_document(body)
    rounding = organization_rounding(of.resources, body.currency)
    optional = {
        "units": sent.get("units"),
        "unitPrice": sent.get("unitPrice"),
        "contractId": balance.contract_id,
        "accountingProductId": balance.fees_accounting_product_id,
    }
    amount: Decimal = rounding.decimal(rounding.minor(body.worth))
    return {
        "id": occurrence_id(schedule.id, fee.due),
        "accountId": balance.account_id,
        "code": body.code,
        "name": body.name,
        "currency": body.currency,
        "entityType": "BALANCE",
        "entityId": of.balance.id,
        "lineItemType": "BALANCE_FEE",
        "scheduleId": schedule.id,
        "description": body.charge_description,
        "amount": amount,
        **only_given(optional),
        "servicePeriodStartDate": midnight(fee.period.start),
        "servicePeriodEndDate": midnight(fee.period.end),
        "billDate": fee.due,
    }
