"""Bodies of requests about bills, jobs, the test clock and tokens."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from events.dates import read_instant
from events.decimals import Number
from events.resources.base import Day, Id, Model, check_one_of
from events.resources.bounds import MANY, TABLE, CurrencyCode, Text, items
from events.resources.organization import CurrencyConversion, Timezone
from services.commands.supposed import SUPPOSABLE, Supposed


class BillJobBody(Model):
    """POST billjobs. Without a date: everything due by the organization's today."""

    account_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)] | None = None
    billing_frequency: Literal["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY", "AD_HOC"] | None = None
    bill_frequency_interval: Annotated[int, Field(ge=1, le=365)] | None = None
    last_date_in_billing_period: Day | None = None
    bill_date: Day | None = None
    due_date: Day | None = None
    #: Stored as given: epochs and zone come from the accounts, and nothing is converted.
    target_currency: Annotated[CurrencyCode, Field(min_length=3, max_length=3)] | None = None
    timezone: Timezone | None = None
    year_epoch: Day | None = None
    month_epoch: Day | None = None
    week_epoch: Day | None = None
    day_epoch: Day | None = None
    external_invoice_date: Day | None = None
    currency_conversions: Annotated[tuple[CurrencyConversion, ...], items(TABLE)] | None = None


class RecalculateBody(Model):
    """POST billjobs/recalculate: pending bills."""

    bill_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)]


class StatusBody(Model):
    """PUT bills/{id}/status. `billTotal`: approve it only if it has this total, which the approver has seen."""

    status: Literal["PENDING", "APPROVED"]
    bill_total: Number | None = None


class ApproveBody(Model):
    """POST bills/approve: the official client sends accountIds as a query parameter."""

    bill_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)] | None = None
    account_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)] | None = None


#: A body that its own model will parse, and the most bodies of a kind in one question.
Document = Annotated[dict[Text, Any], items(MANY)]
Documents = Annotated[tuple[Document, ...], Field(max_length=100)]


class PreviewBody(Model):
    """POST bills/preview: the bill that a run for the date would issue, under these terms if any are given.

    The lists hold bodies in the form of their own paths, with the `id` of the resource that each replaces; a body
    without an `id` is added. Fields that a body leaves out are unset. `effectiveDate` is as in the PUT of a plan or
    plan template.
    """

    account_id: Id | None = None
    #: m3ter's other way to name the account: a preview is for one account.
    account_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=1)] | None = None
    plan_templates: Documents | None = None
    plans: Documents | None = None
    pricings: Documents | None = None
    account_plans: Documents | None = None
    commitments: Documents | None = None
    balances: Documents | None = None
    last_date_in_billing_period: Day | None = None
    billing_frequency: Literal["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY", "AD_HOC"] | None = None
    bill_frequency_interval: Annotated[int, Field(ge=1, le=365)] | None = None

    @property
    def account(self) -> str:
        """The account of the bill."""
        return self.account_id or (self.account_ids or ("",))[0]

    @property
    def supposed(self) -> Supposed:
        """The supposed terms, by the lists' names."""
        return {name: getattr(self, kind.attribute) or () for name, kind in SUPPOSABLE.items()}

    @model_validator(mode="after")
    def _one_account(self) -> Self:
        check_one_of(accountId=self.account_id, accountIds=self.account_ids)
        return self


class ClockBody(BaseModel):
    """POST clock: the new time of the test clock. Other members are ignored."""

    now: Annotated[datetime, BeforeValidator(read_instant)]


class TokenBody(BaseModel):
    """POST oauth/token, as JSON or as a form. Other members are ignored."""

    grant_type: Literal["client_credentials"]
    scope: str | None = None
