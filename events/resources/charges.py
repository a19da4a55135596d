"""Charges that are put on an account as they are: once, on the bill of their date (rules 3.18)."""

from decimal import Decimal, localcontext
from typing import Annotated, ClassVar, Literal, Protocol, Self

from pydantic import model_validator

from events.decimals import EXACT, NonNegative
from events.resources.base import Code, Day, Description, Id, Moment, Name, Resource
from events.resources.bounds import Currency, characters

NOTES_MAX = 1000


class Priced(Protocol):
    """What costs an amount, or units at a price."""

    @property
    def amount(self) -> Decimal | None: ...
    @property
    def units(self) -> Decimal | None: ...
    @property
    def unit_price(self) -> Decimal | None: ...


def worth_of(priced: Priced) -> Decimal:
    """What it costs, not rounded."""
    if priced.amount is not None:
        return priced.amount
    assert priced.units is not None and priced.unit_price is not None
    with localcontext(EXACT):
        return priced.units * priced.unit_price


def check_worth(priced: Priced) -> None:
    """It costs the one or the other. Raises: ValueError."""
    if priced.amount is None and (priced.units is None or priced.unit_price is None):
        raise ValueError("amount: is required, or units with unitPrice")
    if priced.amount is not None and (priced.units is not None or priced.unit_price is not None):
        raise ValueError("amount: does not go with units and unitPrice")


class AccountCharge(Resource):
    """A one-off charge of an account, or a fee for one of its balances; `amount`, or `units` at `unitPrice`."""

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
    amount: NonNegative | None = None
    units: NonNegative | None = None
    unit_price: NonNegative | None = None
    bill_date: Day | None = None
    entity_id: Id | None = None
    contract_id: Id | None = None
    accounting_product_id: Id | None = None
    description: Description | None = None
    notes: Annotated[str, characters(NOTES_MAX)] | None = None

    @property
    def worth(self) -> Decimal:
        """What it costs, not rounded."""
        return worth_of(self)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        check_worth(self)
        if (self.line_item_type == "BALANCE_FEE") != (self.entity_type == "BALANCE"):
            raise ValueError("lineItemType: must be BALANCE_FEE for entityType BALANCE, and AD_HOC for AD_HOC")
        if (self.entity_id is not None) != (self.entity_type == "BALANCE"):
            raise ValueError("entityId: must name the balance for entityType BALANCE, and is for no other")
        return self
