"""Counters: absolute values (seats, say) that are billed by running total and prorated changes."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from events.resources.base import Code, Day, Description, Id, Moment, Name, Resource, check_one_of
from events.resources.bounds import Text, between
from events.resources.catalog import Bands


class Counter(Resource):
    """Something counted, with a unit."""

    references: ClassVar[dict[str, str]] = {"productId": "product"}

    code: Code | None = None
    name: Name
    unit: Text
    product_id: Id | None = None


class CounterPricing(Resource):
    """Bands over a counter's value, for a plan or a template, from a day on."""

    references: ClassVar[dict[str, str]] = {
        "counterId": "counter",
        "planId": "plan",
        "planTemplateId": "planTemplate",
        "accountingProductId": "product",
    }
    indexed_by: ClassVar[tuple[str, ...]] = ("plan_id", "plan_template_id")

    code: Code | None = None
    counter_id: Id
    plan_id: Id | None = None
    plan_template_id: Id | None = None
    start_date: Moment
    end_date: Moment | None = None
    pricing_bands: Annotated[Bands, Field(min_length=1)]
    cumulative: bool = False
    description: Description | None = None
    running_total_bill_in_advance: bool | None = None
    pro_rate_running_total: bool | None = None
    pro_rate_adjustment_debit: bool | None = None
    pro_rate_adjustment_credit: bool | None = None
    accounting_product_id: Id | None = None

    @model_validator(mode="after")
    def _one_plan(self) -> Self:
        check_one_of(planId=self.plan_id, planTemplateId=self.plan_template_id)
        return self


class CounterAdjustment(Resource):
    """The counter's absolute value on an account from `date` on; one per counter, account and day."""

    references: ClassVar[dict[str, str]] = {"accountId": "account", "counterId": "counter"}
    indexed_by: ClassVar[tuple[str, ...]] = ("account_id",)

    account_id: Id
    counter_id: Id
    date: Day
    value: Annotated[int, Field(ge=0), between(0, 10**18 - 1)]
    purchase_order_number: Text | None = None
