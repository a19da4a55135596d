"""Balances: credit of an account that transactions may top up at any time; and the schedules of a balance: recurring
top-ups, and recurring fees for keeping it (rules 3.26, 4.8).
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from events.decimals import NonNegative, Number
from events.resources.base import Code, Day, Description, Id, Model, Moment, Name, Resource
from events.resources.bounds import MANY, CurrencyCode, Text, items
from events.resources.catalog import Frequency, Interval
from events.resources.charges import Priced
from events.resources.commitments import DrawableType, SurchargePercent


class Balance(Resource):
    """Credit usable for charges that start in `[startDate, endDate)`; its amount comes from transactions."""

    references: ClassVar[dict[str, str]] = {
        "accountId": "account",
        "contractId": "contract",
        "consumptionsAccountingProductId": "product",
        "feesAccountingProductId": "product",
    }
    indexed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    billed_by: ClassVar[tuple[str, ...] | None] = ()

    account_id: Id
    code: Code
    name: Name
    currency: CurrencyCode
    start_date: Moment
    end_date: Moment
    description: Description | None = None
    balance_draw_down_description: Description | None = None
    overage_description: Description | None = None
    overage_surcharge_percent: SurchargePercent | None = None
    line_item_types: Annotated[tuple[DrawableType | Literal["AD_HOC"], ...], items(MANY)] | None = None
    product_ids: Annotated[tuple[Id, ...], Field(max_length=100)] | None = None
    contract_id: Id | None = None
    rollover_amount: NonNegative | None = None
    rollover_end_date: Moment | None = None
    allow_overdraft: bool | None = None
    consumptions_accounting_product_id: Id | None = None
    fees_accounting_product_id: Id | None = None

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.rollover_amount is not None and self.rollover_end_date is None:
            raise ValueError("rolloverEndDate: is required with rolloverAmount")
        return self


class BalanceTransaction(Model):
    """Credit put on a balance or taken off it; charges that start on or after `transactionDate` can draw it."""

    amount: Number
    transaction_date: Moment | None = None
    applied_date: Moment | None = None
    description: Description | None = None
    paid: Number | None = None
    currency_paid: CurrencyCode | None = None
    transaction_type_id: Text | None = None


class BalanceSchedule(Resource):
    """Shared by both kinds of schedule: the balance, and the days on which the schedule runs."""

    references: ClassVar[dict[str, str]] = {"balanceId": "balance"}
    indexed_by: ClassVar[tuple[str, ...]] = ("balance_id",)
    #: Names of the fields with the schedule's first day and its exclusive end.
    term: ClassVar[tuple[str, str]]

    balance_id: Id
    code: Code
    name: Name

    @property
    @abstractmethod
    def first(self) -> Moment:
        """The moment from which the schedule runs."""

    @property
    @abstractmethod
    def last(self) -> Moment:
        """The moment at which the schedule ends, exclusive."""


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
    currency_paid: CurrencyCode | None = None

    @property
    def first(self) -> Moment:
        return self.start_date

    @property
    def last(self) -> Moment:
        return self.end_date


class BalanceChargeSchedule(BalanceSchedule, Priced):
    """Recurring fees for a balance: one for each billing period of its service, in advance or in arrears."""

    term: ClassVar[tuple[str, str]] = ("servicePeriodStartDate", "servicePeriodEndDate")

    currency: CurrencyCode
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
