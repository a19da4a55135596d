"""Facts about entries of picklists."""

from typing import ClassVar

from events.facts.base import Route
from events.facts.resources import ResourceCreated, ResourceDeleted, ResourceUpdated
from events.resources.picklists import CreditReason, Currency, DebitReason, TransactionType


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
