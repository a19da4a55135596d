"""Facts about resources: each was created, updated (replaced whole) or deleted by a command. What they have in common
stands here, with those about the organization, its accounts, and what these have of plans, contracts and counters.

`version` is the resource's version after the fact: 1 on create, one more with every later fact about it.
"""

from datetime import date
from typing import ClassVar, Generic, TypeVar

from pydantic import Field

from events.facts.base import Fact, Route
from events.resources.accounts import Account, AccountPlan, Contract
from events.resources.base import Resource
from events.resources.counters import CounterAdjustment
from events.resources.organization import OrganizationConfig

R = TypeVar("R", bound=Resource)


class ResourceFact(Fact):
    """A fact about one resource, named by its id."""

    id: str
    version: int = Field(ge=1)


class ResourceCreated(ResourceFact, Generic[R]):
    """A client created the resource."""

    body: R


class ResourceUpdated(ResourceFact, Generic[R]):
    """A client replaced the resource's body."""

    body: R


class ResourceDeleted(ResourceFact):
    """A client deleted the resource; `force` says that it may have had effects, which are then undone."""

    force: bool = False


class FeesChanged(ResourceUpdated[R]):
    """An update of a plan, template or plan group. Its standing charge and minimum spend hold for the billing periods
    that start on or after these days; one that did not change has none.

    Before version 2 a change of either was a correction, as if it had always been so: then, too, there is none.
    """

    schema_version: ClassVar[int] = 2
    standing_charge_from: date | None = None
    minimum_spend_from: date | None = None


class OrganizationConfigured(ResourceUpdated[OrganizationConfig]):
    """The organization's configuration was put; its first one brings the organization into being."""

    route: ClassVar[Route] = Route.CATALOG


class AccountCreated(ResourceCreated[Account]):
    """Root, partition and zone are decided here for life. Since version 2, what usage made has no `emailAddress`."""

    schema_version: ClassVar[int] = 2
    route: ClassVar[Route] = Route.BOTH

    root_id: str
    partition: int = Field(ge=0)
    timezone: str


class AccountUpdated(ResourceUpdated[Account]):
    route: ClassVar[Route] = Route.BOTH


class AccountDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.BOTH


class AccountForgotten(ResourceFact):
    """The keys of an account's personal data are destroyed: what was sealed with them is read by nobody any more.

    Amounts, codes and ids stay. What is sealed later has a key of its own.
    """

    route: ClassVar[Route] = Route.BOTH

    key_ids: tuple[str, ...] = ()
    reason: str | None = None


class AccountPlanCreated(ResourceCreated[AccountPlan]):
    route: ClassVar[Route] = Route.BOTH


class AccountPlanUpdated(ResourceUpdated[AccountPlan]):
    route: ClassVar[Route] = Route.BOTH


class AccountPlanDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.BOTH


class ContractCreated(ResourceCreated[Contract]):
    pass


class ContractUpdated(ResourceUpdated[Contract]):
    pass


class ContractDeleted(ResourceDeleted):
    pass


class CounterAdjustmentCreated(ResourceCreated[CounterAdjustment]):
    pass


class CounterAdjustmentUpdated(ResourceUpdated[CounterAdjustment]):
    pass


class CounterAdjustmentDeleted(ResourceDeleted):
    pass
