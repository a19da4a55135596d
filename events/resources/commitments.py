"""Commitments: amounts agreed for a term, prepaid or as a minimum (rules 1, 6, 10)."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from events.decimals import NonNegative, Number, Positive
from events.resources.accounts import BREAKDOWN, ChildBillingMode
from events.resources.base import Code, Day, Description, Id, Model, Moment, Resource, check_days
from events.resources.bounds import MANY, TABLE, CurrencyCode, Int32, at_least, items, rule
from events.resources.catalog import Interval, Offset

#: The types of charges that plans make and commitments may pay for.
DrawableType = Literal[
    "STANDING_CHARGE", "USAGE", "MINIMUM_SPEND", "COUNTER_RUNNING_TOTAL_CHARGE", "COUNTER_ADJUSTMENT_DEBIT"
]
CommitmentType = Literal["PREPAYMENT", "MINIMUM"]
#: Negative for a discount, which is at most 100 percent.
SurchargePercent = Annotated[Number, at_least(-100)]

#: An empty id would name no plan, and yet stand for one where several could give the periods of a minimum.
NOT_EMPTY = rule(bool, "must have at least 1 character", minLength=1)

#: Fields about fees and overage. A minimum is billed by true-up, so they mean nothing on a minimum and are refused.
REFUSED_ON_MINIMUM = (
    "amount_pre_paid",
    "amount_first_bill",
    "fee_dates",
    "billing_interval",
    "billing_offset",
    "commitment_fee_bill_in_advance",
    "overage_surcharge_percent",
    "separate_overage_usage",
)
ONLY_ON_MINIMUM = ("commitment_period_interval", "prorate")
ROLLOVER = ("rollover_percent", "rollover_amount", "rollover_end_date", "rollover_order")


class CommitmentFee(Model):
    """One fee of a schedule: billed on `date` for its service period."""

    date: Day
    amount: Positive
    service_period_start_date: Moment
    service_period_end_date: Moment


class Commitment(Resource):
    """An amount agreed for `[startDate, endDate)`, in days of the account's zone."""

    references: ClassVar[dict[str, str]] = {
        "accountId": "account",
        "billingPlanId": "plan",
        "contractId": "contract",
        "accountingProductId": "product",
        "feesAccountingProductId": "product",
        "drawdownsAccountingProductId": "product",
    }
    indexed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    # Its fees go by the plan's bills, attached or not (rules 6.2).
    billed_by: ClassVar[tuple[str, ...] | None] = ("billing_plan_id",)

    #: An extension of Trueup: a name for people and scenario files; never on m3ter's wire.
    code: Code | None = None
    account_id: Id
    amount: Positive
    currency: CurrencyCode
    start_date: Day
    end_date: Day
    commitment_type: CommitmentType | None = None
    amount_pre_paid: NonNegative | None = None
    amount_first_bill: NonNegative | None = None
    overage_surcharge_percent: SurchargePercent | None = None
    separate_overage_usage: bool | None = None
    billing_plan_id: Annotated[str, Field(max_length=36), NOT_EMPTY] | None = None
    fee_dates: Annotated[tuple[CommitmentFee, ...], items(TABLE)] | None = None
    billing_interval: Interval | None = None
    billing_offset: Offset | None = None
    bill_epoch: Day | None = None
    commitment_fee_bill_in_advance: bool | None = None
    product_ids: Annotated[tuple[Id, ...], Field(max_length=100)] | None = None
    line_item_types: Annotated[tuple[DrawableType, ...], items(MANY)] | None = None
    contract_id: Id | None = None
    child_billing_mode: ChildBillingMode | None = None
    accounting_product_id: Id | None = None
    fees_accounting_product_id: Id | None = None
    drawdowns_accounting_product_id: Id | None = None
    commitment_fee_description: Description | None = None
    commitment_usage_description: Description | None = None
    overage_description: Description | None = None
    commitment_period_interval: Annotated[Int32, Field(ge=1)] | None = None
    prorate: bool | None = None
    priority: Int32 | None = None
    rollover_percent: Annotated[Number, Field(ge=0, le=100)] | None = None
    rollover_amount: NonNegative | None = None
    rollover_end_date: Day | None = None
    rollover_order: Literal["FIRST", "LAST"] | None = None

    @property
    def kind(self) -> CommitmentType:
        """The commitment's kind; PREPAYMENT by default."""
        return self.commitment_type or "PREPAYMENT"

    @property
    def mode(self) -> ChildBillingMode:
        """On whose bill, and how divided, what it pays for children, its fees and its true-ups stand."""
        return self.child_billing_mode or BREAKDOWN

    @property
    def outstanding(self) -> Decimal:
        """The amount that fees have to collect: the commitment's amount less what was paid up front."""
        return self.amount - (self.amount_pre_paid or Decimal(0))

    @property
    def unscheduled(self) -> Decimal:
        """The outstanding amount less the amounts in `feeDates`: negative if these bill more; 0 without a fee
        schedule.
        """
        return self.outstanding - sum(fee.amount for fee in self.fee_dates) if self.fee_dates else Decimal(0)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        check_days(self.start_date, self.end_date)
        if self.kind == "MINIMUM":
            self._refuse(REFUSED_ON_MINIMUM + ROLLOVER, "cannot be given on a MINIMUM commitment")
        else:
            self._refuse(ONLY_ON_MINIMUM, "can be given on a MINIMUM commitment only")
            self._check_fees()
            self._check_rollover()
        return self

    def _refuse(self, fields: tuple[str, ...], why: str) -> None:
        for field in fields:
            if getattr(self, field) is not None:
                alias = type(self).model_fields[field].alias
                raise ValueError(f"{alias}: {why}")

    def _check_fees(self) -> None:
        if self.outstanding < 0:
            raise ValueError("amountPrePaid: must not be above amount")
        if not self.fee_dates and (self.amount_first_bill or 0) > self.outstanding:
            raise ValueError("amountFirstBill: must not be above amount less amountPrePaid")
        if self.overage_surcharge_percent and self.separate_overage_usage:
            raise ValueError("separateOverageUsage: cannot be true with a non-zero overageSurchargePercent")

    def _check_rollover(self) -> None:
        rolls = self.rollover_percent is not None or self.rollover_amount is not None
        if rolls and self.rollover_end_date is None:
            raise ValueError("rolloverEndDate: is required with rolloverPercent or rolloverAmount")
        if self.rollover_end_date is not None and self.rollover_end_date <= self.end_date:
            raise ValueError("rolloverEndDate: must be after endDate")
        if self.rollover_order is not None and self.rollover_end_date is None:
            raise ValueError("rolloverOrder: needs a rolloverEndDate")
