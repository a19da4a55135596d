"""Facts about bills. An issued bill never changes: a correction is a difference line of a later bill."""

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from events.decimals import Number
from events.facts.base import Fact, FactModel
from events.resources.charges import AnyMemo, MemoType, OneOffType
from events.resources.commitments import DrawableType

# The names of the types; `projections/line_types.py` says what is particular about each. : The line of a charge has the
# charge's type.
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
#: How often the charges of a bill are billed; MIXED: several frequencies.
BillingFrequency = Literal["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY", "AD_HOC", "MIXED"]


class OtherEnd(FactModel):
    """A part of a line's amount that is for another period: from the line's start to another end.

    It takes back what was billed for the line's key while the period ended on that day.
    """

    period_end: date
    amount: Number


class BillLine(FactModel):
    """A difference: what is due for the line's key up to now, less what earlier bills charged for it.

    The key (rules 8) is bill account, type, account, product, plan (or plan group), pricing or one-off charge, period
    start, commitment or balance, and for a draw the type of the charge that the draw pays. Amounts are whole minor
    units of the bill's currency; `quantity` and `units` are differences too.
    """

    #: uuid5 of the bill's id and the line's number, so a replay gives the same id. A memo's line has the memo's id.
    id: str
    number: int = Field(ge=1)
    type: LineType
    #: The account of the charge: the bill's account, or a child of it.
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
    #: The plan group of a group's own charge, or the plan group through which the plan is attached.
    plan_group_id: str | None = None
    account_plan_id: str | None = None
    contract_id: str | None = None
    #: The pricing or counter pricing, and the aggregation or counter that it prices.
    pricing_id: str | None = None
    aggregation_id: str | None = None
    compound_aggregation_id: str | None = None
    counter_id: str | None = None
    meter_id: str | None = None
    segment: str = ""
    #: The one-off charge of this line, or the one that this line pays.
    charge_id: str | None = None
    commitment_id: str | None = None
    balance_id: str | None = None
    #: On a draw: the type of the charge it pays. Before version 2 of the fact, given only for usage.
    charge_type: LineType | None = None
    #: The parts of the amount that are for other ends of the period (rules 13.1). The rest, without any all of it, is
    #: for the period of the line.
    other_ends: tuple[OtherEnd, ...] | None = None
    accounting_product_id: str | None = None


class Positions(FactModel):
    """Next offsets, exclusive, of the account's log partition and the catalog, up to which a derivation read."""

    partition: int = Field(ge=0)
    log: int = Field(ge=0)
    catalog: int = Field(ge=0)


class BillFact(Fact):
    """A fact about one bill, in stream `bills-<root account>`; the stream's version counts all these facts."""

    bill_id: str
    account_id: str
    root_id: str


class BillOpened(BillFact):
    """A pending bill was opened. Its content is not stored: until it is issued, every read derives it for its date."""

    bill_job_id: str | None = None
    bill_date: date
    due_date: date
    currency: str


class BillMoved(BillFact):
    """A pending bill is settled for a later date from now on."""

    bill_job_id: str | None = None
    bill_date: date
    due_date: date


class BillDropped(BillFact):
    """A pending bill was dropped with its memos and never issued; the charges it would have billed stay due."""


class MemoAdded(BillFact):
    """A credit or debit was put on a pending bill; it becomes a line of its own when the bill is issued."""

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
    """The first lines of a bill that is too large for one record; its `BillIssued` follows with the last lines.

    This fact alone means nothing, and it is no version of the bill (`events.bill_parts`).
    """

    #: 1, 2, ... within the bill.
    part: int = Field(ge=1)
    lines: Annotated[tuple[BillLine, ...], Field(min_length=1)]


class BillIssued(BillFact):
    """A bill was issued, by the bill run or by approving a pending bill, which keeps its id.

    If the bill is too large for one record, its first lines stand before this fact, in `BillLinesIssued`.
    """

    schema_version: ClassVar[int] = 3

    bill_job_id: str | None = None
    #: The date it was settled for: it charges what is due on or before this date. It may be earlier than the run's
    #: date.
    bill_date: date
    due_date: date
    start_date: date
    end_date: date
    billing_frequency: BillingFrequency
    bill_frequency_interval: int | None = None
    currency: str
    timezone: str
    sequential_invoice_number: str | None = None
    #: By the organization's setting at that time; before version 3 the bill's date.
    external_invoice_date: date | None = None
    #: For a bill that charged all usage that had arrived (rules 8.15): the day on which the last of that usage is due
    #: in arrears. None: the bill charged only what was due.
    accrued_until: date | None = None
    total: Number
    #: Numbers continue those of the lines in `BillLinesIssued`; they start at 1 if there are none.
    lines: Annotated[tuple[BillLine, ...], Field(min_length=1)]
    positions: Positions

    @property
    def lines_before(self) -> int:
        """The number of lines that `BillLinesIssued` carried before this fact."""
        return self.lines[0].number - 1


class BillLocked(BillFact):
    """The bill can no longer be voided."""


class BillVoided(BillFact):
    """The bill no longer counts as issued: all that it billed is due again. The issued fact itself stays."""
