"""The customers who are billed: accounts, the plans attached to them, and the contracts that group those plans."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, model_validator

from events.resources.base import Code, Day, Description, Id, Model, Moment, Name, Resource, check_days, check_one_of
from events.resources.bounds import MANY, CurrencyCode, Text, UsageText, is_from_client, items
from events.resources.organization import CreditOrder, Timezone

ChildBillingMode = Literal["PARENT_SUMMARY", "PARENT_BREAKDOWN", "CHILD"]
#: Where nothing says otherwise.
BREAKDOWN: ChildBillingMode = "PARENT_BREAKDOWN"


class Address(Model):
    """A postal address; stored as given."""

    #: The country is not personal, because taxes follow from it.
    personal: ClassVar[tuple[str, ...]] = (
        *("address_line1", "address_line2", "address_line3", "address_line4"),
        *("locality", "region", "post_code"),
    )

    address_line1: Text | None = None
    address_line2: Text | None = None
    address_line3: Text | None = None
    address_line4: Text | None = None
    locality: Text | None = None
    region: Text | None = None
    post_code: Text | None = None
    country: Text | None = None


def _require_address(schema: dict[str, Any]) -> None:
    schema["required"] = [*schema.get("required", []), "emailAddress"]


class Account(Resource):
    """An end customer. Its parent and its time zone are set at creation and never change.

    A client must give an e-mail address; an account created by its first usage has none yet.
    """

    model_config = ConfigDict(json_schema_extra=_require_address)
    references: ClassVar[dict[str, str]] = {"parentAccountId": "account"}
    personal: ClassVar[tuple[str, ...]] = ("name", "email_address", "address")

    code: Code
    name: Name
    email_address: Annotated[Text, Field(min_length=1)] | None = None
    parent_account_id: Id | None = None
    timezone: Timezone | None = None
    currency: CurrencyCode | None = None
    bill_epoch: Day | None = None
    days_before_bill_due: Annotated[int, Field(ge=1, le=3650)] | None = None
    credit_application_order: CreditOrder | None = None
    purchase_order_number: Text | None = None
    address: Address | None = None
    auto_generate_statement_mode: Literal["NONE", "JSON", "JSON_AND_CSV"] | None = None
    statement_definition_id: Text | None = None

    @model_validator(mode="after")
    def _has_address(self, info: ValidationInfo) -> Self:
        if is_from_client(info) and self.email_address is None:
            raise ValueError("emailAddress: is required")
        return self


class AccountPlan(Resource):
    """A plan, or a plan group, attached to an account for `[startDate, endDate)`, optionally under a contract."""

    references: ClassVar[dict[str, str]] = {
        "accountId": "account",
        "planId": "plan",
        "planGroupId": "planGroup",
        "contractId": "contract",
    }
    indexed_by: ClassVar[tuple[str, ...]] = ("account_id",)
    billed_by: ClassVar[tuple[str, ...] | None] = ("plan_id", "plan_group_id")

    account_id: Id
    plan_id: Id | None = None
    plan_group_id: Id | None = None
    contract_id: Id | None = None
    code: Code | None = None
    start_date: Moment
    end_date: Moment | None = None
    bill_epoch: Day | None = None
    child_billing_mode: ChildBillingMode | None = None

    @property
    def mode(self) -> ChildBillingMode:
        """On whose bill, and how divided, the charges for children stand."""
        return self.child_billing_mode or BREAKDOWN

    @model_validator(mode="after")
    def _one_plan(self) -> Self:
        check_one_of(planId=self.plan_id, planGroupId=self.plan_group_id)
        return self


class UsageFilter(Model):
    """A contract's usage filter."""

    dimension_code: Text
    mode: Literal["INCLUDE", "EXCLUDE"]
    value: UsageText


class Contract(Resource):
    """An agreement with an account; a commitment with a contract pays only for account plans under that contract."""

    references: ClassVar[dict[str, str]] = {"accountId": "account"}

    account_id: Id
    name: Name
    code: Code | None = None
    start_date: Day
    end_date: Day
    description: Description | None = None
    purchase_order_number: Text | None = None
    apply_contract_period_limits: bool | None = None
    bill_grouping_key_id: Text | None = None
    usage_filters: Annotated[tuple[UsageFilter, ...], items(MANY)] | None = None

    @model_validator(mode="after")
    def _rules(self) -> Self:
        check_days(self.start_date, self.end_date)
        return self
