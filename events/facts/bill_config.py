"""Facts about what holds for all bills of an organization."""

from typing import ClassVar

from events.facts.base import Route
from events.facts.resources import ResourceCreated, ResourceDeleted, ResourceUpdated
from events.resources.bill_config import BillConfig


class BillConfigCreated(ResourceCreated[BillConfig]):
    route: ClassVar[Route] = Route.CATALOG


class BillConfigUpdated(ResourceUpdated[BillConfig]):
    route: ClassVar[Route] = Route.CATALOG


class BillConfigDeleted(ResourceDeleted):
    """No path deletes it; every kind has the fact."""

    route: ClassVar[Route] = Route.CATALOG
