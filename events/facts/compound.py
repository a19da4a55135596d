"""Facts about compound aggregations."""

from events.facts.resources import ResourceCreated, ResourceDeleted, ResourceUpdated
from events.resources.compound import CompoundAggregation


class CompoundAggregationCreated(ResourceCreated[CompoundAggregation]):
    pass


class CompoundAggregationUpdated(ResourceUpdated[CompoundAggregation]):
    pass


class CompoundAggregationDeleted(ResourceDeleted):
    pass
