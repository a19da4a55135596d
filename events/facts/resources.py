"""Facts about resources: each was created, updated (replaced whole) or deleted by a command. Their common base stands
here, with the facts about the organization, its accounts, and the accounts' plans, contracts and counters.

`version` is the resource's version after the fact: 1 on create, and one more with every later fact.
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
    """A client deleted the resource; with `force`, any effects it had are undone."""

    force: bool = False


class FeesChanged(ResourceUpdated[R]):
    """A plan, template or plan group was updated. Its changed standing charge or minimum spend applies to the billing
    periods that start on or after these days; an unchanged fee has no day.

    Before version 2, a change of either was a correction that applied from the beginning; it has no day either.
    """

    schema_version: ClassVar[int] = 2
    standing_charge_from: date | None = None
    minimum_spend_from: date | None = None


class OrganizationConfigured(ResourceUpdated[OrganizationConfig]):
    """The organization's configuration was put; the first PUT creates the organization."""

    route: ClassVar[Route] = Route.CATALOG


class AccountCreated(ResourceCreated[Account]):
    """Root, partition and zone are decided here for life. Since version 2, usage makes accounts without
    `emailAddress`.
    """

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
    """The keys of an account's personal data are destroyed: nobody can read the data sealed with them any more.

    Amounts, codes and ids stay. Data sealed later has a key of its own.
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
