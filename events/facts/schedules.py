"""Facts about the schedules of balances. What a schedule gives is derived and never a fact; so each fact that changes
one says from which day on it holds (rules 8.14).
"""

from datetime import date
from typing import TypeVar

from events.facts.resources import ResourceCreated, ResourceDeleted, ResourceUpdated
from events.resources.schedules import BalanceChargeSchedule, BalanceSchedule, BalanceTransactionSchedule

S = TypeVar("S", bound=BalanceSchedule)


class BalanceScheduleUpdated(ResourceUpdated[S]):
    """The new terms hold for what is due on `effective` or later; what is due before keeps those it had."""

    effective: date


class BalanceScheduleDeleted(ResourceDeleted):
    """Nothing is due any more on `effective` or later; with `force`, it is as if it had never been."""

    balance_id: str
    effective: date


class BalanceTransactionScheduleCreated(ResourceCreated[BalanceTransactionSchedule]):
    pass


class BalanceTransactionScheduleUpdated(BalanceScheduleUpdated[BalanceTransactionSchedule]):
    pass


class BalanceTransactionScheduleDeleted(BalanceScheduleDeleted):
    pass


class BalanceChargeScheduleCreated(ResourceCreated[BalanceChargeSchedule]):
    pass


class BalanceChargeScheduleUpdated(BalanceScheduleUpdated[BalanceChargeSchedule]):
    pass


class BalanceChargeScheduleDeleted(BalanceScheduleDeleted):
    pass
