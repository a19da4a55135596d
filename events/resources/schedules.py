"""Schedules of a balance: top-ups that come again and again, and fees for keeping it (rules 3.26, 4.8)."""

from abc import abstractmethod
from typing import ClassVar

from events.decimals import NonNegative, Number
from events.resources.base import Code, Day, Description, Id, Moment, Name, Resource
from events.resources.bounds import Currency, Text
from events.resources.catalog import Frequency, Interval
from events.resources.charges import Priced


class BalanceSchedule(Resource):
    """What both kinds have: the balance, and the days in which they run."""

    references: ClassVar[dict[str, str]] = {"balanceId": "balance"}
    indexed_by: ClassVar[tuple[str, ...]] = ("balance_id",)
    #: Names of the first day, and of the first that is no more in it.
    term: ClassVar[tuple[str, str]]

    balance_id: Id
    code: Code
    name: Name

    @property
    @abstractmethod
    def first(self) -> Moment:
        """The moment that names its first day."""

    @property
    @abstractmethod
    def last(self) -> Moment:
        """The moment that names the first day behind it."""


class BalanceTransactionSchedule(BalanceSchedule):
    """Recurring top-ups: `amount` on `startDate`, and every so many days, weeks, months or years until `endDate`."""

    term: ClassVar[tuple[str, str]] = ("startDate", "endDate")

    amount: NonNegative
    start_date: Moment
    end_date: Moment
    frequency: Frequency
    frequency_interval: Interval
    transaction_description: Description
    transaction_type_id: Text
    paid: Number | None = None
    currency_paid: Currency | None = None

    @property
    def first(self) -> Moment:
        return self.start_date

    @property
    def last(self) -> Moment:
        return self.end_date


class BalanceChargeSchedule(BalanceSchedule, Priced):
    """Recurring fees for a balance: one for each billing period of its service, in advance or in arrears."""

    term: ClassVar[tuple[str, str]] = ("servicePeriodStartDate", "servicePeriodEndDate")

    currency: Currency
    bill_frequency: Frequency
    bill_frequency_interval: Interval
    bill_in_advance: bool
    charge_description: Description
    service_period_start_date: Moment
    service_period_end_date: Moment
    bill_epoch: Day | None = None

    @property
    def first(self) -> Moment:
        return self.service_period_start_date

    @property
    def last(self) -> Moment:
        return self.service_period_end_date
