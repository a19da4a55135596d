"""Facts about bills. An issued bill never changes: a correction is a difference line of a later bill."""

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from events.decimals import Number
from events.facts.base import Fact, FactModel
from events.resources.charges import AnyMemo, MemoType, OneOffType
from events.resources.commitments import DrawableType

# The names of the types; what else is particular about one stands in `projections/line_types.py`.
#: A charge's own line has the charge's type.
ChargeType = Literal[DrawableType, OneOffType, "COUNTER_ADJUSTMENT_CREDIT", "USAGE_CREDIT"]
LineType = Literal[
    ChargeType,
    "MINIMUM_SPEND_REFUND",
    "COMMITMENT_FEE",
    "COMMITMENT_CONSUMED",
    "OVERAGE_SURCHARGE",
    "OVERAGE_USAGE",
    "BALANCE_CONSUMED",
    "CREDIT_DEDUCTION",
    "MANUAL_ADJUSTMENT",
    MemoType,
]
#: How often what a bill charges is billed; MIXED: in several ways.
BillingFrequency = Literal["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY", "AD_HOC", "MIXED"]


class BillLine(FactModel):
    """A difference: what is due for the line's key up to now, less what earlier bills charged for it.

    The key (rules 8) is bill account, type, account, product, plan (or plan group), pricing or one-off charge, period
    start, commitment or balance, and for a draw the type of the charge it pays. Amounts are whole minor units of the
    bill's currency; `quantity` and `units` are differences too.
    """

    #: uuid5 of the bill's id and the line's number: the same replay gives the same id. A memo's line has the memo's id.
    id: str
    number: int = Field(ge=1)
    type: LineType
    #: Whose charge it is: the bill's account, or a child of it.
    account_id: str
    amount: Number
    quantity: Number
    units: Number
    unit: str = ""
    description: str = ""
    period_start: date
    period_end: date
    true_up: bool = False
    product_id: str | None = None
    plan_id: str | None = None
    #: The plan group whose own charge it is, or through which the plan is attached.
    plan_group_id: str | None = None
    account_plan_id: str | None = None
    contract_id: str | None = None
    #: The pricing or counter pricing, and what it prices.
    pricing_id: str | None = None
    aggregation_id: str | None = None
    compound_aggregation_id: str | None = None
    counter_id: str | None = None
    meter_id: str | None = None
    segment: str = ""
    #: The one-off charge that it is, or pays.
    charge_id: str | None = None
    commitment_id: str | None = None
    balance_id: str | None = None
    #: Of a draw: the type of the charge it pays. Before version 2 of the fact only where it is usage.
    charge_type: LineType | None = None
    accounting_product_id: str | None = None


class Positions(FactModel):
    """Next offsets, exclusive, of what a derivation had folded: the account's log partition and the catalog."""

    partition: int = Field(ge=0)
    log: int = Field(ge=0)
    catalog: int = Field(ge=0)


class BillFact(Fact):
    """Something about one bill: stream `bills-<root account>`, whose version counts every one of these."""

    bill_id: str
    account_id: str
    root_id: str


class BillOpened(BillFact):
    """A pending bill: what it bills is not stored, but derived for its date whenever it is read, until it is issued."""

    bill_job_id: str | None = None
    bill_date: date
    due_date: date
    currency: str


class BillMoved(BillFact):
    """A pending bill is now settled for a later date."""

    bill_job_id: str | None = None
    bill_date: date
    due_date: date


class BillDropped(BillFact):
    """A pending bill is gone with its memos, never issued; what it would have billed stays due."""


class MemoAdded(BillFact):
    """A credit or debit was put on a pending bill: a line of its own when the bill is issued."""

    memo_id: str
    body: AnyMemo


class MemoChanged(BillFact):
    """The memo's body was replaced."""

    memo_id: str
    version: int = Field(ge=2)
    body: AnyMemo


class MemoRemoved(BillFact):
    """The memo was taken off its pending bill."""

    memo_id: str
    version: int = Field(ge=2)


class BillLinesIssued(BillFact):
    """The first lines of a bill that no record has room for: its `BillIssued` follows, with the last of them.

    It says nothing by itself, and is no version of the bill (`events.bill_parts`).
    """

    #: 1, 2, ... of the bill.
    part: int = Field(ge=1)
    lines: Annotated[tuple[BillLine, ...], Field(min_length=1)]


class BillIssued(BillFact):
    """The bill run issued a bill, or a pending one was approved, which keeps its id.

    Of a bill that no record has room for the first lines stand before it, in `BillLinesIssued`.
    """

    schema_version: ClassVar[int] = 3

    bill_job_id: str | None = None
    #: The date it was settled for: due on or before it. Earlier than the run's when nothing forced it forward.
    bill_date: date
    due_date: date
    start_date: date
    end_date: date
    billing_frequency: BillingFrequency
    bill_frequency_interval: int | None = None
    currency: str
    timezone: str
    sequential_invoice_number: str | None = None
    #: As the organization's setting had it; before version 3 the bill's date.
    external_invoice_date: date | None = None
    #: Of a bill that charged all usage that had arrived (rules 8.15): when the last of it is due in arrears. None: the
    #: bill charged what was due and no more.
    accrued_until: date | None = None
    total: Number
    #: Numbered on from those that stand before it; from 1 if none do.
    lines: Annotated[tuple[BillLine, ...], Field(min_length=1)]
    positions: Positions

    @property
    def lines_before(self) -> int:
        """How many lines `BillLinesIssued` carried before it."""
        return self.lines[0].number - 1


class BillLocked(BillFact):
    """The bill may not be voided any more."""


class BillVoided(BillFact):
    """The bill counts as not issued: what it billed is due again. The issued fact itself stays."""
