"""Facts about plan groups and the plans in them."""

from typing import ClassVar

from events.facts.base import Route
from events.facts.resources import FeesChanged, ResourceCreated, ResourceDeleted, ResourceUpdated
from events.resources.plan_groups import PlanGroup, PlanGroupLink


class PlanGroupCreated(ResourceCreated[PlanGroup]):
    route: ClassVar[Route] = Route.CATALOG


class PlanGroupUpdated(FeesChanged[PlanGroup]):
    schema_version: ClassVar[int] = 1
    route: ClassVar[Route] = Route.CATALOG


class PlanGroupDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class PlanGroupLinkCreated(ResourceCreated[PlanGroupLink]):
    route: ClassVar[Route] = Route.CATALOG


class PlanGroupLinkUpdated(ResourceUpdated[PlanGroupLink]):
    route: ClassVar[Route] = Route.CATALOG


class PlanGroupLinkDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG
