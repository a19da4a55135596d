"""`billing.catalog` folded: the resources that exist, for ingest and projections; and for projections, the accounts
that a change affects.

Every partition of `billing.events` records up to which catalog offset its rows hold (`positions.catalog_offset`), so
rows are a function of two log prefixes. The follower may be ahead of a partition that was just assigned; the changes in
between are kept as notes, which suffice to bring the partition up to date.

Accounts and account plans stand in both topics; a projection takes them from `billing.events`, where they are in order
with the usage, and skips them here without decoding them: the catalog stays small however many accounts there are.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from events.codec import ForeignRecordError, UndecodableRecordError, decode_own
from events.envelope import Envelope
from events.facts.resources import ResourceFact
from events.sources import LastSequences, Origins
from events.topics import CATALOG
from projections.alerts.rules import Rules, rules_of
from projections.rating.index import FamilyIndex
from projections.readmodels.facts import CATALOG_PARTITION, FactRow, fact_row
from projections.readmodels.foreign_records import ForeignRow
from projections.resources import Resources
from services.commands.table import kind_of
from services.failures import ExpectedFailure
from services.kafka import FetchedRecord, LogReader
from services.projection.touched import Touched, is_of_rule, leads_nowhere, touched

log = structlog.get_logger(__name__)
#: The first bytes of records about accounts and account plans: `encode` writes the type first.
_DIRECTORY = (b'{"type":"Account',)


class CatalogStoppedError(ExpectedFailure):
    """The catalog, in `topic`, holds a fact that this program does not understand; `why` says where and what."""

    def __init__(self, topic: str, offset: int, error: Exception) -> None:
        self.why = f"{topic}/0 at offset {offset}: {error}"
        super().__init__(f"{self.why}; run a newer version of Trueup")


class CatalogFold(ABC):
    """Folds `billing.catalog` from its beginning; `offset` is the next offset to fold."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._sequences = LastSequences()
        self.offset = 0
        self.organizations: dict[str, Resources] = {}

    async def read(self, reader: LogReader, until: int | None = None) -> None:
        """Fold up to the topic's present end, or to `until`.

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
        """Apply one record, unless it is a stranger's or was applied before. `topic` is the catalog's name there.

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
        """Apply a fact that is new."""

    def passes_over(self, value: bytes) -> bool:
        """Whether a record need not even be decoded."""
        return False

    @abstractmethod
    def note_foreign(self, record: FetchedRecord, error: ForeignRecordError) -> None:
        """Note that a stranger's record was passed over."""


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """The accounts that a catalog fact affects: those under `plans` and plan groups (None: all of the organization)."""

    offset: int
    organization: str
    plans: frozenset[str] | None
    #: The aggregation whose past totals must be derived again, and the meters it has counted.
    aggregation: str | None = None
    meters: frozenset[str] = frozenset()
    #: Further accounts that it affects, beside those under the plans.
    accounts: frozenset[str] = frozenset()


class CatalogLog(CatalogFold):
    """The fold with its notes: the accounts that each change affects, and the rows about it.

    It stops at a fact that this program does not understand; `stopped` says which.
    """

    def __init__(self, origins: Origins) -> None:
        super().__init__(origins)
        self.stopped: str | None = None
        self._changes: list[CatalogChange] = []
        self._rows: list[FactRow] = []
        self._foreign: list[ForeignRow] = []
        self._indexes: dict[str, FamilyIndex] = {}
        self._rules: dict[str, Rules] = {}
        #: Organization -> number of its catalog changes: compiled terms are valid for one number.
        self.versions: dict[str, int] = {}

    def resources(self, organization: str) -> Resources:
        """The organization's part of the catalog; empty while nothing is known of the organization."""
        resources = self.organizations.get(organization)
        return (
            resources if resources is not None else self.organizations.setdefault(organization, Resources(organization))
        )

    def index(self, organization: str) -> FamilyIndex:
        """The index of the organization's part of the catalog."""
        return self._indexes.setdefault(organization, FamilyIndex())

    def rules(self, organization: str) -> Rules:
        """The organization's notification rules; the same object until one of them changes."""
        rules = self._rules.get(organization)
        if rules is None:
            resources = self.resources(organization)
            automatic = resources.automatic_top_ups.values(), resources.threshold_billings.values()
            rules = self._rules[organization] = rules_of(resources.notification_configurations.values(), *automatic)
        return rules

    def changes_since(self, offset: int) -> list[CatalogChange]:
        """Changes at or after the offset, in order."""
        return self._changes[bisect_left(self._changes, offset, key=lambda change: change.offset) :]

    def rows_since(self, offset: int) -> list[FactRow]:
        """Rows of table `facts` for what was applied at or after the offset, in order."""
        return self._rows[bisect_left(self._rows, offset, key=lambda row: row.log_offset) :]

    def foreign_since(self, offset: int) -> list[ForeignRow]:
        """Rows of strangers' records at or after the offset, in order."""
        return self._foreign[bisect_left(self._foreign, offset, key=lambda row: row.log_offset) :]

    async def catch_up(self, reader: LogReader, *, until: int | None = None) -> None:
        """Fold up to the topic's present end, or to `until`, unless it has stopped."""
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
        if is_of_rule(envelope.data):
            self._rules.pop(envelope.organization, None)  # no terms follow from it
        elif not leads_nowhere(envelope.data):
            self.versions[envelope.organization] = self.versions.get(envelope.organization, 0) + 1
        self._rows.append(fact_row(CATALOG_PARTITION, record.offset, envelope, None, record.value))
        self._changes.append(_change(record.offset, envelope, before, touched(catalog, envelope.data)))


def _change(offset: int, envelope: Envelope, before: Touched, after: Touched) -> CatalogChange:
    fact = envelope.data
    assert isinstance(fact, ResourceFact)
    plans = None if before.plans is None or after.plans is None else before.plans | after.plans
    kind = kind_of(fact)
    aggregation = fact.id if kind is not None and kind.adds_up else None
    meters, accounts = before.meters | after.meters, before.accounts | after.accounts
    return CatalogChange(offset, envelope.organization, plans, aggregation, meters, accounts)
