"""Plan groups: plans of several products that an account takes together, with fees over all of them (rules 3.23)."""

from typing import Annotated, ClassVar

from pydantic import Field

from events.decimals import NonNegative
from events.resources.base import Code, Description, Id, Name, Resource
from events.resources.bounds import Currency


class PlanGroup(Resource):
    """What several plans have in common: a minimum spend and a standing charge; perhaps for one account alone."""

    references: ClassVar[dict[str, str]] = {
        "accountId": "account",
        "standingChargeAccountingProductId": "product",
        "minimumSpendAccountingProductId": "product",
    }

    code: Code | None = None
    name: Name
    currency: Annotated[Currency, Field(min_length=3, max_length=3)]
    account_id: Id | None = None
    standing_charge: NonNegative | None = None
    standing_charge_bill_in_advance: bool | None = None
    standing_charge_description: Description | None = None
    standing_charge_accounting_product_id: Id | None = None
    minimum_spend: NonNegative | None = None
    minimum_spend_bill_in_advance: bool | None = None
    minimum_spend_description: Description | None = None
    minimum_spend_accounting_product_id: Id | None = None


class PlanGroupLink(Resource):
    """A plan in a plan group."""

    references: ClassVar[dict[str, str]] = {"planGroupId": "planGroup", "planId": "plan"}
    indexed_by: ClassVar[tuple[str, ...]] = ("plan_group_id",)

    plan_group_id: Id
    plan_id: Id
