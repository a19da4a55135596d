"""Facts about the catalog and the other resources of a whole organization; they stand in `billing.catalog`."""

from typing import ClassVar

from events.facts.base import Route
from events.facts.resources import FeesChanged, ResourceCreated, ResourceDeleted, ResourceUpdated
from events.resources.catalog import Aggregation, CompoundAggregation, Meter, Plan, PlanTemplate, Pricing, Product
from events.resources.counters import Counter, CounterPricing
from events.resources.notifications import NotificationConfiguration
from events.resources.organization import BillConfig, CreditReason, Currency, DebitReason, TransactionType
from events.resources.plan_groups import PlanGroup, PlanGroupLink
from events.resources.statements import StatementConfig
from events.resources.webhooks import Webhook


class ProductCreated(ResourceCreated[Product]):
    route: ClassVar[Route] = Route.CATALOG


class ProductUpdated(ResourceUpdated[Product]):
    route: ClassVar[Route] = Route.CATALOG


class ProductDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class MeterCreated(ResourceCreated[Meter]):
    route: ClassVar[Route] = Route.CATALOG


class MeterUpdated(ResourceUpdated[Meter]):
    route: ClassVar[Route] = Route.CATALOG


class MeterDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class AggregationCreated(ResourceCreated[Aggregation]):
    route: ClassVar[Route] = Route.CATALOG


class AggregationUpdated(ResourceUpdated[Aggregation]):
    route: ClassVar[Route] = Route.CATALOG


class AggregationDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class PlanTemplateCreated(ResourceCreated[PlanTemplate]):
    route: ClassVar[Route] = Route.CATALOG


class PlanTemplateUpdated(FeesChanged[PlanTemplate]):
    route: ClassVar[Route] = Route.CATALOG


class PlanTemplateDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class PlanCreated(ResourceCreated[Plan]):
    route: ClassVar[Route] = Route.CATALOG


class PlanUpdated(FeesChanged[Plan]):
    route: ClassVar[Route] = Route.CATALOG


class PlanDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class PricingCreated(ResourceCreated[Pricing]):
    route: ClassVar[Route] = Route.CATALOG


class PricingUpdated(ResourceUpdated[Pricing]):
    route: ClassVar[Route] = Route.CATALOG


class PricingDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class CounterCreated(ResourceCreated[Counter]):
    route: ClassVar[Route] = Route.CATALOG


class CounterUpdated(ResourceUpdated[Counter]):
    route: ClassVar[Route] = Route.CATALOG


class CounterDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class CounterPricingCreated(ResourceCreated[CounterPricing]):
    route: ClassVar[Route] = Route.CATALOG


class CounterPricingUpdated(ResourceUpdated[CounterPricing]):
    route: ClassVar[Route] = Route.CATALOG


class CounterPricingDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class CompoundAggregationCreated(ResourceCreated[CompoundAggregation]):
    route: ClassVar[Route] = Route.CATALOG


class CompoundAggregationUpdated(ResourceUpdated[CompoundAggregation]):
    route: ClassVar[Route] = Route.CATALOG


class CompoundAggregationDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


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


class CurrencyCreated(ResourceCreated[Currency]):
    route: ClassVar[Route] = Route.CATALOG


class CurrencyUpdated(ResourceUpdated[Currency]):
    route: ClassVar[Route] = Route.CATALOG


class CurrencyDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class CreditReasonCreated(ResourceCreated[CreditReason]):
    route: ClassVar[Route] = Route.CATALOG


class CreditReasonUpdated(ResourceUpdated[CreditReason]):
    route: ClassVar[Route] = Route.CATALOG


class CreditReasonDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class DebitReasonCreated(ResourceCreated[DebitReason]):
    route: ClassVar[Route] = Route.CATALOG


class DebitReasonUpdated(ResourceUpdated[DebitReason]):
    route: ClassVar[Route] = Route.CATALOG


class DebitReasonDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class TransactionTypeCreated(ResourceCreated[TransactionType]):
    route: ClassVar[Route] = Route.CATALOG


class TransactionTypeUpdated(ResourceUpdated[TransactionType]):
    route: ClassVar[Route] = Route.CATALOG


class TransactionTypeDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class BillConfigCreated(ResourceCreated[BillConfig]):
    route: ClassVar[Route] = Route.CATALOG


class BillConfigUpdated(ResourceUpdated[BillConfig]):
    route: ClassVar[Route] = Route.CATALOG


class BillConfigDeleted(ResourceDeleted):
    """No path deletes a bill configuration; the fact exists because every kind of resource has it."""

    route: ClassVar[Route] = Route.CATALOG


class StatementConfigCreated(ResourceCreated[StatementConfig]):
    route: ClassVar[Route] = Route.CATALOG


class StatementConfigUpdated(ResourceUpdated[StatementConfig]):
    route: ClassVar[Route] = Route.CATALOG


class StatementConfigDeleted(ResourceDeleted):
    """No path deletes a statement configuration; the fact exists because every kind of resource has it."""

    route: ClassVar[Route] = Route.CATALOG


class NotificationConfigurationCreated(ResourceCreated[NotificationConfiguration]):
    route: ClassVar[Route] = Route.CATALOG


class NotificationConfigurationUpdated(ResourceUpdated[NotificationConfiguration]):
    route: ClassVar[Route] = Route.CATALOG


class NotificationConfigurationDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG


class WebhookCreated(ResourceCreated[Webhook]):
    route: ClassVar[Route] = Route.CATALOG


class WebhookUpdated(ResourceUpdated[Webhook]):
    route: ClassVar[Route] = Route.CATALOG


class WebhookDeleted(ResourceDeleted):
    route: ClassVar[Route] = Route.CATALOG
