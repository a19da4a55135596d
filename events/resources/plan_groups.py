"""Plan groups: plans of several products that an account takes together, with fees over all of them (rules 3.23)."""

from typing import Annotated, ClassVar

from pydantic import Field

from events.resources.base import Code, Id, Name, Resource
from events.resources.bounds import CurrencyCode
from events.resources.catalog import ACCOUNTED, OwnCharges


class PlanGroup(OwnCharges):
    """The shared terms of several plans: a minimum spend and a standing charge; optionally for one account only."""

    references: ClassVar[dict[str, str]] = {"accountId": "account", **ACCOUNTED}

    code: Code | None = None
    name: Name
    currency: Annotated[CurrencyCode, Field(min_length=3, max_length=3)]
    account_id: Id | None = None


class PlanGroupLink(Resource):
    """The membership of a plan in a plan group."""

    references: ClassVar[dict[str, str]] = {"planGroupId": "planGroup", "planId": "plan"}
    indexed_by: ClassVar[tuple[str, ...]] = ("plan_group_id",)

    plan_group_id: Id
    plan_id: Id
