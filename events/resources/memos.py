"""Credit and debit line items: amounts that somebody puts on a pending bill by hand."""

from typing import Annotated, Literal

from pydantic import Field

from events.decimals import Positive
from events.resources.base import Description, Id, Model, Moment
from events.resources.bounds import Text

MemoType = Literal["CREDIT_MEMO", "DEBIT_MEMO"]


class Memo(Model):
    """The amount is positive for both types; a credit's line is negative."""

    line_item_type: MemoType
    amount: Positive
    description: Description
    product_id: Id
    accounting_product_id: Id
    #: What it corrects, for people. Kept as given: the lines of a bill that is still pending have no lasting id.
    referenced_bill_id: Id
    referenced_line_item_id: Id
    service_period_start_date: Moment
    service_period_end_date: Moment
    #: Kept as given; the amount is applied whole.
    amount_to_apply_on_bill: Positive | None = None
    reason_id: Text | None = None


class CreditMemo(Memo):
    """POST bills/{billId}/creditlineitems."""

    line_item_type: Literal["CREDIT_MEMO"] = "CREDIT_MEMO"
    credit_reason_id: Text | None = None


class DebitMemo(Memo):
    """POST bills/{billId}/debitlineitems."""

    line_item_type: Literal["DEBIT_MEMO"] = "DEBIT_MEMO"
    debit_reason_id: Text | None = None


AnyMemo = Annotated[CreditMemo | DebitMemo, Field(discriminator="line_item_type")]
