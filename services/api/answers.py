"""Models of answers beside those of resources: bills and their lines, jobs, balances, history, health, errors."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from events.facts.bills import LineType
from events.resources.organization import CurrencyConversion
from services.api.shown import Shown, Stamped


class Error(Shown):
    """The reason why a request was refused, or could not be served."""

    message: str


class Told(Shown):
    """The result of a request, in words."""

    message: str


class Token(Shown):
    """A bearer token; `expires_in` is in seconds."""

    access_token: str = Field(alias="access_token")
    expires_in: int = Field(alias="expires_in")
    token_type: Literal["Bearer"] = Field(alias="token_type")


class FileUrl(Shown):
    """The address of a file, for a quarter of an hour and without a token."""

    download_url: str


class Time(Shown):
    """The organization's time."""

    now: datetime


class HealthAnswer(Shown):
    """Whether this process serves, and how many events or records other processes are behind."""

    status: Literal["ok", "degraded", "unavailable"]
    behind: dict[str, int] | None = None
    problems: tuple[str, ...] | None = None
    message: str | None = None


class BillLineAnswer(Shown):
    """A line of a bill. A previewed one is on no bill and has no `billId`."""

    id: str
    bill_id: str | None = None
    sequence_number: int
    line_item_type: LineType
    description: str
    quantity: Decimal
    units: Decimal
    unit: str
    subtotal: Decimal
    average_unit_price: Decimal
    currency: str
    conversion_rate: Decimal
    converted_subtotal: Decimal
    service_period_start_date: datetime
    service_period_end_date: datetime
    true_up: bool | None = None
    charge_type: LineType | None = None
    segment: dict[str, str] | None = None
    product_id: str | None = None
    product_name: str | None = None
    product_code: str | None = None
    accounting_product_id: str | None = None
    accounting_product_name: str | None = None
    accounting_product_code: str | None = None
    plan_id: str | None = None
    plan_group_id: str | None = None
    pricing_id: str | None = None
    charge_id: str | None = None
    aggregation_id: str | None = None
    compound_aggregation_id: str | None = None
    counter_id: str | None = None
    meter_id: str | None = None
    contract_id: str | None = None
    commitment_id: str | None = None
    balance_id: str | None = None
    child_account_id: str | None = None
    child_account_code: str | None = None


class BillContent(Shown):
    """The content of a bill. If nothing is due there is no bill, and only account, total and lines are given."""

    account_id: str
    account_code: str | None = None
    start_date: date | None = None
    end_date: date | None = None
    start_date_time_utc: datetime | None = Field(None, alias="startDateTimeUTC")
    end_date_time_utc: datetime | None = Field(None, alias="endDateTimeUTC")
    bill_date: date | None = None
    due_date: date | None = None
    external_invoice_date: date | None = None
    billing_frequency: str | None = None
    bill_frequency_interval: int | None = None
    timezone: str | None = None
    currency: str | None = None
    bill_total: Decimal
    currency_conversions: tuple[Any, ...] | None = None
    line_items: tuple[BillLineAnswer, ...] | None = None


class BillAnswer(Stamped, BillContent):
    """A bill, pending or approved."""

    status: Literal["PENDING", "APPROVED"]
    locked: bool
    bill_job_id: str | None = None
    sequential_invoice_number: str | None = None
    created_date: datetime
    last_calculated_date: datetime
    dt_approved: datetime | None = None
    approved_by: str | None = None
    dt_locked: datetime | None = None
    locked_by: str | None = None


class UnpricedAnswer(Shown):
    """Usage without a pricing."""

    account_id: str
    aggregation_id: str
    meter_id: str | None = None
    quantity: Decimal | None = None
    segment: dict[str, str] | None = None
    from_: date = Field(alias="from")
    to: date


class Preview(BillContent):
    """The bills that would be issued; an account has a bill per currency, and the others stand beside the first."""

    other_currencies: tuple[BillContent, ...] | None = None
    unpriced: tuple[UnpricedAnswer, ...] | None = None


class JobFailure(Shown):
    """An account or a bill that a job failed on, or the reason why the job ended early."""

    account_id: str | None = None
    bill_id: str | None = None
    message: str


class JobAnswer(Stamped):
    """A bill job: its request and progress. `pending` counts the families that are not settled yet."""

    status: Literal["PENDING", "INITIALIZING", "RUNNING", "COMPLETE", "CANCELLED"]
    type: Literal["CREATE", "RECALCULATE"]
    account_ids: tuple[str, ...] | None = None
    billing_frequency: str | None = None
    bill_frequency_interval: int | None = None
    last_date_in_billing_period: date | None = None
    bill_date: date | None = None
    due_date: date | None = None
    target_currency: str | None = None
    timezone: str | None = None
    year_epoch: date | None = None
    month_epoch: date | None = None
    week_epoch: date | None = None
    day_epoch: date | None = None
    external_invoice_date: date | None = None
    currency_conversions: tuple[CurrencyConversion, ...] | None = None
    bill_ids: tuple[str, ...]
    failures: tuple[JobFailure, ...] | None = None
    total: int
    pending: int


class BalanceSummary(Shown):
    """The use of a balance's credit; no amount is negative."""

    initial_credit_amount: Decimal
    total_credit_amount: Decimal
    total_debit_amount: Decimal
    balance_consumed: Decimal
    rollover_consumed: Decimal | None = None
    expired_balance_amount: Decimal


class TransactionShown(Shown):
    """The maker of a transaction: a client, or a schedule, which is named."""

    entity_type: Literal["USER", "SCHEDULER"]
    entity_id: str | None = None


class HistoryEntry(Shown):
    """A fact about a resource; `data` is as in events, with amounts as numbers."""

    id: str
    type: str
    version: int
    position: int
    time: datetime
    data: dict[str, Any]
