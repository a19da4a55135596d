"""Balances: credit of an account that may be topped up at any time by transactions."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from events.decimals import NonNegative, Number
from events.resources.base import Code, Description, Id, Model, Moment, Name, Resource
from events.resources.bounds import MANY, Currency, Text, items
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

    account_id: Id
    code: Code
    name: Name
    currency: Currency
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
    """Credit put on (or taken off) a balance; it can be drawn by charges that start on or after `transactionDate`."""

    amount: Number
    transaction_date: Moment | None = None
    applied_date: Moment | None = None
    description: Description | None = None
    paid: Number | None = None
    currency_paid: Currency | None = None
    transaction_type_id: Text | None = None
