"""Charges that a person puts on a bill by hand: charges of an account, each on the bill of its date (rules 3.18), and
credit and debit line items (memos) of a pending bill (rules 8.11).
"""

from decimal import Decimal, localcontext
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from events.decimals import EXACT, MAX_WHOLE_DIGITS, NonNegative, Positive
from events.resources.base import Code, Day, Description, Id, Model, Moment, Name, Resource
from events.resources.bounds import CurrencyCode, Text, characters, is_from_client

NOTES_MAX = 1000
OneOffType = Literal["AD_HOC", "BALANCE_FEE"]
MemoType = Literal["CREDIT_MEMO", "DEBIT_MEMO"]


class Priced(Resource):
    """A price: either an `amount`, or `units` at `unitPrice`."""

    amount: NonNegative | None = None
    units: NonNegative | None = None
    unit_price: NonNegative | None = None

    @property
    def worth(self) -> Decimal:
        """The price, not rounded."""
        if self.amount is not None:
            return self.amount
        assert self.units is not None and self.unit_price is not None
        with localcontext(EXACT):
            return self.units * self.unit_price

    @model_validator(mode="after")
    def _costs_the_one_or_the_other(self, info: ValidationInfo) -> Self:
        if self.amount is None and (self.units is None or self.unit_price is None):
            raise ValueError("amount: is required, or units with unitPrice")
        if self.amount is not None and (self.units is not None or self.unit_price is not None):
            raise ValueError("amount: does not go with units and unitPrice")
        if is_from_client(info) and self.worth.adjusted() >= MAX_WHOLE_DIGITS:  # no line of a bill could hold it
            raise ValueError(f"units: times unitPrice must have at most {MAX_WHOLE_DIGITS} whole digits")
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
    billed_by: ClassVar[tuple[str, ...] | None] = ()

    account_id: Id
    code: Code
    name: Name
    currency: CurrencyCode
    entity_type: Literal["AD_HOC", "BALANCE"]
    line_item_type: OneOffType
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


class Memo(Model):
    """The amount is positive for both types; a credit's line is negative."""

    line_item_type: MemoType
    amount: Positive
    description: Description
    product_id: Id
    accounting_product_id: Id
    #: The lines it corrects, for people to read. Stored as given, because the lines of a pending bill have no lasting
    #: ids.
    referenced_bill_id: Id
    referenced_line_item_id: Id
    service_period_start_date: Moment
    service_period_end_date: Moment
    #: Stored as given; the amount always applies whole.
    amount_to_apply_on_bill: Positive | None = None
    reason_id: Text | None = None


class CreditMemo(Memo):
    """The body of POST bills/{billId}/creditlineitems."""

    line_item_type: Literal["CREDIT_MEMO"] = "CREDIT_MEMO"
    credit_reason_id: Text | None = None


class DebitMemo(Memo):
    """The body of POST bills/{billId}/debitlineitems."""

    line_item_type: Literal["DEBIT_MEMO"] = "DEBIT_MEMO"
    debit_reason_id: Text | None = None


AnyMemo = Annotated[CreditMemo | DebitMemo, Field(discriminator="line_item_type")]
