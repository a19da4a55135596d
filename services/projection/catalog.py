"""`billing.catalog` folded: what exists, for ingest and projections alike; and for projections, whom a change touches.

Every partition of `billing.events` records up to which catalog offset its rows hold (`positions.catalog_offset`), so
rows are a function of two log prefixes. The follower may be ahead of a partition that was just assigned; the changes
in between are kept as notes, which is all that is needed to bring the partition up to it.

Accounts and account plans stand in both topics; a projection takes them from `billing.events`, where they are in order
with the usage, and skips them here without decoding them: the catalog stays small however many accounts there are.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog

from events.codec import ForeignRecordError, UndecodableRecordError, decode_own
from events.envelope import Envelope
from events.facts.resources import OrganizationConfigured, ResourceFact
from events.resources.base import Resource
from events.resources.catalog import Pricing
from events.resources.notifications import LEVELS, NotificationConfiguration
from events.resources.webhooks import Webhook
from events.sources import LastSequences, Origins
from events.topics import CATALOG
from projections.alerts.rules import Rules, rules_of
from projections.calculation import calculation_of
from projections.entities import Entity
from projections.rating.index import FamilyIndex
from projections.readmodels.facts import CATALOG_PARTITION, FactRow, fact_row
from projections.readmodels.foreign_records import ForeignRow
from projections.resources import Resources
from services.failures import ExpectedFailure
from services.kafka import FetchedRecord, LogReader

log = structlog.get_logger(__name__)
#: How records about accounts and account plans begin: `encode` writes the type first.
_DIRECTORY = (b'{"type":"Account',)


class CatalogStoppedError(ExpectedFailure):
    """The catalog, in `topic`, holds a fact that this program does not understand; `why` says where and what."""

    def __init__(self, topic: str, offset: int, error: Exception) -> None:
        self.why = f"{topic}/0 at offset {offset}: {error}"
        super().__init__(f"{self.why}; run a newer version of Trueup")


class CatalogFold(ABC):
    """Folds `billing.catalog` from its beginning; `offset` is the next one that is not folded."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._sequences = LastSequences()
        self.offset = 0
        self.organizations: dict[str, Resources] = {}

    async def read(self, reader: LogReader, until: int | None = None) -> None:
        """Fold up to the topic's end as it is now, or to `until`.

        Raises: CatalogStoppedError; nothing behind that record is folded.
        """
        end = until if until is not None else (await reader.end_offsets(CATALOG, [0]))[0]
        if end <= self.offset:
            return
        async with aclosing(reader.read(CATALOG, 0, self.offset, end)) as polls:
            async for records in polls:
                for record in records:
                    self.fold(record, reader.cluster.topic(CATALOG))
        self.offset = end

    def fold(self, record: FetchedRecord, topic: str = CATALOG) -> None:
        """Apply one record, unless it is none of ours or was applied
        before. `topic` is what the catalog is called there.

        Raises: CatalogStoppedError.
        """
        envelope = None
        try:
            if not self.passes_over(record.value or b""):
                envelope = decode_own(record.value or b"", self._origins)
        except ForeignRecordError as error:
            self.note_foreign(record, error)
        except UndecodableRecordError as error:
            raise CatalogStoppedError(topic, record.offset, error) from error
        self.offset = record.offset + 1
        if envelope is not None and self._sequences.accepts(envelope.source, envelope.sequence):
            self.apply(record, envelope)

    @abstractmethod
    def apply(self, record: FetchedRecord, envelope: Envelope) -> None:
        """Evolve by a fact that is new."""

    def passes_over(self, value: bytes) -> bool:
        """Whether a record need not even be decoded."""
        return False

    @abstractmethod
    def note_foreign(self, record: FetchedRecord, error: ForeignRecordError) -> None:
        """A record that is none of ours was passed over."""


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """Whom a catalog fact touches: the accounts under `plans` and plan groups (None: all of the organization)."""

    offset: int
    organization: str
    plans: frozenset[str] | None
    #: The aggregation whose totals of the past must be derived anew, and the meters it has counted.
    aggregation: str | None = None
    meters: frozenset[str] = frozenset()


class CatalogLog(CatalogFold):
    """The fold with its notes: whom each change touches, and the rows that tell of it.

    It does not go on behind a fact that this program does not understand; `stopped` says which.
    """

    def __init__(self, origins: Origins) -> None:
        super().__init__(origins)
        self.stopped: str | None = None
        self._changes: list[CatalogChange] = []
        self._rows: list[FactRow] = []
        self._foreign: list[ForeignRow] = []
        self._indexes: dict[str, FamilyIndex] = {}
        self._rules: dict[str, Rules] = {}
        #: Organization -> how often its catalog changed: compiled terms are good for one value.
        self.versions: dict[str, int] = {}

    def resources(self, organization: str) -> Resources:
        """The organization's part of the catalog; empty while nothing is known of it."""
        known = self.organizations.get(organization)
        return known if known is not None else self.organizations.setdefault(organization, Resources(organization))

    def index(self, organization: str) -> FamilyIndex:
        """The index of the organization's part of the catalog."""
        return self._indexes.setdefault(organization, FamilyIndex())

    def rules(self, organization: str) -> Rules:
        """What the organization wants to be told of; the same object until one of its rules changes."""
        rules = self._rules.get(organization)
        if rules is None:
            configured = self.resources(organization).notification_configurations
            rules = self._rules[organization] = rules_of(configured.values())
        return rules

    def changes_since(self, offset: int) -> list[CatalogChange]:
        """Changes at or after the offset, in order."""
        return self._changes[bisect_left(self._changes, offset, key=lambda change: change.offset) :]

    def rows_since(self, offset: int) -> list[FactRow]:
        """Rows of table `facts` for what was applied at or after the offset, in order."""
        return self._rows[bisect_left(self._rows, offset, key=lambda row: row.log_offset) :]

    def foreign_since(self, offset: int) -> list[ForeignRow]:
        """Rows of what is none of ours at or after the offset, in order."""
        return self._foreign[bisect_left(self._foreign, offset, key=lambda row: row.log_offset) :]

    async def catch_up(self, reader: LogReader, *, until: int | None = None) -> None:
        """Fold up to the topic's end as it is now, or to `until`, unless it has stopped."""
        if self.stopped is None:
            try:
                await self.read(reader, until)
            except CatalogStoppedError as error:
                self.stopped = error.why
                log.error("catalog_stopped", why=self.stopped)

    def passes_over(self, value: bytes) -> bool:
        return value.startswith(_DIRECTORY)

    def note_foreign(self, record: FetchedRecord, error: ForeignRecordError) -> None:
        self._foreign.append(ForeignRow(CATALOG, 0, record.offset, str(error)))

    def apply(self, record: FetchedRecord, envelope: Envelope) -> None:
        if not isinstance(envelope.data, ResourceFact):
            return
        catalog = self.resources(envelope.organization)
        before = touched(catalog, envelope.data)
        catalog.evolve(envelope)
        self.index(envelope.organization).evolve(envelope)
        if _is_of(envelope.data, NotificationConfiguration):
            self._rules.pop(envelope.organization, None)  # no terms follow from it
        elif not _is_of(envelope.data, Webhook):
            self.versions[envelope.organization] = self.versions.get(envelope.organization, 0) + 1
        self._rows.append(fact_row(CATALOG_PARTITION, record.offset, envelope, None, record.value))
        self._changes.append(_change(record.offset, envelope, before, touched(catalog, envelope.data)))


@dataclass(frozen=True, slots=True)
class _Touched:
    plans: frozenset[str] | None
    meters: frozenset[str] = frozenset()


def _change(offset: int, envelope: Envelope, before: _Touched, after: _Touched) -> CatalogChange:
    fact = envelope.data
    assert isinstance(fact, ResourceFact)
    plans = None if before.plans is None or after.plans is None else before.plans | after.plans
    aggregation = fact.id if type(fact).__name__.startswith("Aggregation") else None
    return CatalogChange(offset, envelope.organization, plans, aggregation, before.meters | after.meters)


def touched(catalog: Resources, fact: ResourceFact) -> _Touched:
    """Plans and plan groups whose accounts the resource concerns as the catalog is now; asked before and after the fact
    is applied."""
    if isinstance(fact, OrganizationConfigured):
        return _Touched(None)
    if _is_of(fact, NotificationConfiguration):
        rule = catalog.notification_configurations.get(fact.id)
        # One that waits for a level looks at everybody; one that waits for something that happens looks at nobody here.
        return _Touched(None if rule is not None and rule.body.event_name in LEVELS else frozenset())
    id = fact.id
    pricings: list[Entity[Any]] = [*catalog.pricings.values(), *catalog.counter_pricings.values()]
    plans = {plan.id for plan in catalog.plans.values() if id in (plan.id, plan.body.plan_template_id)}
    aggregations = {
        aggregation.id
        for aggregation in catalog.aggregations.values()
        if id in (aggregation.id, aggregation.body.meter_id)
    }
    sources = {id} | aggregations | _formulas_over(catalog, aggregations)
    templates = {template.id for template in catalog.plan_templates.values() if template.body.product_id == id}
    for pricing in pricings:
        source = pricing.body.priced_id if isinstance(pricing.body, Pricing) else pricing.body.counter_id
        if id == pricing.id or source in sources:
            plans |= {pricing.body.plan_id} if pricing.body.plan_id else set()
            templates |= {pricing.body.plan_template_id} if pricing.body.plan_template_id else set()
    plans |= {plan.id for plan in catalog.plans.values() if plan.body.plan_template_id in templates}
    links = catalog.plan_group_links.values()
    plans |= {link.body.plan_group_id for link in links if link.id == id or link.body.plan_id in plans}
    plans |= {id} if id in catalog.plan_groups else set()
    aggregation = catalog.aggregations.get(id)
    return _Touched(frozenset(plans), frozenset({aggregation.body.meter_id} if aggregation else ()))


def _is_of(fact: ResourceFact, body: type[Resource]) -> bool:
    return type(fact).__name__.startswith(body.__name__)


def _formulas_over(catalog: Resources, aggregations: Iterable[str]) -> set[str]:
    """The compound aggregations whose formulas name one of these aggregations."""
    codes = {catalog.aggregations[id].body.code for id in aggregations}
    formulas = catalog.compound_aggregations.values()
    return {formula.id for formula in formulas if not codes.isdisjoint(calculation_of(formula.body.calculation).codes)}
