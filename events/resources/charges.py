"""Charges that are put on an account as they are: once, on the bill of their date (rules 3.18)."""

from decimal import Decimal, localcontext
from typing import Annotated, ClassVar, Literal, Self

from pydantic import model_validator

from events.decimals import EXACT, NonNegative
from events.resources.base import Code, Day, Description, Id, Moment, Name, Resource
from events.resources.bounds import Currency, characters

NOTES_MAX = 1000


class Priced(Resource):
    """What costs an `amount`, or `units` at `unitPrice`: the one or the other."""

    amount: NonNegative | None = None
    units: NonNegative | None = None
    unit_price: NonNegative | None = None

    @property
    def worth(self) -> Decimal:
        """What it costs, not rounded."""
        if self.amount is not None:
            return self.amount
        assert self.units is not None and self.unit_price is not None
        with localcontext(EXACT):
            return self.units * self.unit_price

    @model_validator(mode="after")
    def _costs_the_one_or_the_other(self) -> Self:
        if self.amount is None and (self.units is None or self.unit_price is None):
            raise ValueError("amount: is required, or units with unitPrice")
        if self.amount is not None and (self.units is not None or self.unit_price is not None):
            raise ValueError("amount: does not go with units and unitPrice")
        return self


class AccountCharge(Priced):
    """A one-off charge of an account, or a fee for one of its balances."""

    references: ClassVar[dict[str, str]] = {
        "accountId": "account",
        "entityId": "balance",
        "contractId": "contract",
        "accountingProductId": "product",
    }
    indexed_by: ClassVar[tuple[str, ...]] = ("account_id",)

    account_id: Id
    code: Code
    name: Name
    currency: Currency
    entity_type: Literal["AD_HOC", "BALANCE"]
    line_item_type: Literal["AD_HOC", "BALANCE_FEE"]
    service_period_start_date: Moment
    service_period_end_date: Moment
    bill_date: Day | None = None
    entity_id: Id | None = None
    contract_id: Id | None = None
    accounting_product_id: Id | None = None
    description: Description | None = None
    notes: Annotated[str, characters(NOTES_MAX)] | None = None

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if (self.line_item_type == "BALANCE_FEE") != (self.entity_type == "BALANCE"):
            raise ValueError("lineItemType: must be BALANCE_FEE for entityType BALANCE, and AD_HOC for AD_HOC")
        if (self.entity_id is not None) != (self.entity_type == "BALANCE"):
            raise ValueError("entityId: must name the balance for entityType BALANCE, and is for no other")
        return self
