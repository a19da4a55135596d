"""Facts about compound aggregations."""

from typing import ClassVar

from events.facts.base import Route
from events.facts.resources import ResourceCreated, ResourceDeleted, ResourceUpdated
from events.resources.compound import CompoundAggregation


class CompoundAggregationCreated(ResourceCreated[CompoundAggregation]):
    route: ClassVar[Route] = Route.CATALOG


class CompoundAggregationUpdated(ResourceUpdated[CompoundAggregation]):
    route: ClassVar[Route] = Route.CATALOG


class CompoundAggregationDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG
