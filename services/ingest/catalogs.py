"""The catalog: followed in memory from `billing.catalog`, as seen by one poll, and never behind the commands.

The views of a poll (directories by organization, aggregations by meter, readers of totals) are built on first use and
dropped when a fact arrives that may change them. So a command costs only the organizations that it affects; and a fact
about an account or its plans, of which there are many, costs only its family.
"""

import asyncio
from collections.abc import Iterable, Mapping, Set

import structlog

from events.codec import ForeignRecordError
from events.envelope import Envelope
from events.facts.resources import AccountCreated, OrganizationConfigured
from events.sources import Origins
from projections.aggregates import TotalsKey
from projections.rating.terms import Reader
from projections.resources import Resources
from projections.usage import MeterPlan, meter_plans
from services.breaks import StoreWentBackError
from services.failures import Passing, Worded
from services.ingest.directory import Directory, FamilyReaders, directory_of, follow_account
from services.ingest.stale import ACCOUNT_PLANS, ACCOUNTS, OF_RULES, Stale
from services.kafka import Cluster, FetchedRecord, LogReader
from services.outage import pause_after
from services.personal.sealed import Sealer
from services.postgres import Postgres
from services.projection.catalog_fold import CatalogFold
from services.store.events import head_and_generations, newest_shared, relayed
from services.store.generations import Generations, GenerationsMovedError

#: Longest wait for the relay in one attempt: below a rebalance's 60 s, because a poll holds up revocation.
RELAY_WAIT_S = 20.0
_STEP_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
log = structlog.get_logger(__name__)


class CatalogFollower(CatalogFold):
    """The fold of `billing.catalog`, and the facts that it applied since the last call.

    The topic has the organization-wide facts and the directory (accounts and account plans), no commitments: these
    stand in `billing.events` only.
    """

    def __init__(self, cluster: Cluster, origins: Origins) -> None:
        super().__init__(origins)
        self._cluster = cluster
        self._applied: list[Envelope] = []
        #: Organizations that encrypt personal data with keys.
        self.keeping = set[str]()

    def resources(self, organization: str) -> Resources | None:
        """The organization's resources; None while it is unknown."""
        return self.organizations.get(organization)

    async def catch_up(self, *, until: int | None = None) -> list[Envelope]:
        """Fold to the topic's present end (or to offset `until`); returns the applied facts, in order.

        Facts applied before an error are returned by the next call. Raises: CatalogStoppedError.
        """
        async with LogReader(self._cluster) as reader:
            await self.read(reader, until)
        applied, self._applied = self._applied, []
        return applied

    def apply(self, record: FetchedRecord, envelope: Envelope) -> None:
        self._applied.append(envelope)
        self.evolve(envelope)

    def note_foreign(self, record: FetchedRecord, error: ForeignRecordError) -> None:
        """Do nothing: the projection reports strangers' records."""

    def evolve(self, envelope: Envelope) -> None:
        """Apply a fact to the catalog; a tick of the real clock belongs to no organization."""
        if envelope.organization:
            resources = self.organizations.setdefault(envelope.organization, Resources(envelope.organization))
            resources.evolve(envelope)
            if isinstance(envelope.data, OrganizationConfigured) and envelope.data.body.keeps_keys:
                self.keeping.add(envelope.organization)


class Catalogs:
    """Views of a `CatalogFollower`; call `changed` with the facts that the follower has folded."""

    def __init__(self, follower: CatalogFollower) -> None:
        self._follower = follower
        self._directories: dict[str, Directory] = {}
        self._plans: dict[str, dict[str, MeterPlan]] = {}
        self._readers: dict[str, FamilyReaders] = {}
        #: By account, until the log says that the account was forgotten.
        self._sealers: dict[str, Sealer] = {}

    @property
    def keeping(self) -> Set[str]:
        """Organizations that encrypt personal data with keys."""
        return self._follower.keeping

    def knows(self, account_id: str) -> bool:
        """Whether the account's sealer is known."""
        return account_id in self._sealers

    def know(self, sealers: Mapping[str, Sealer]) -> None:
        """Store the sealers of these accounts."""
        self._sealers |= sealers

    def sealer(self, account_id: str) -> Sealer | None:
        """The sealer for the account's personal texts; None if it is not known."""
        return self._sealers.get(account_id)

    @property
    def offset(self) -> int:
        """The first offset of `billing.catalog` that these views do not include."""
        return self._follower.offset

    def changed(self, envelopes: Iterable[Envelope]) -> Stale:
        """Drop the views that these facts may have changed; returns whose other state must be dropped, too."""
        organizations, accounts = set[str](), set[str]()
        for envelope in envelopes:
            if isinstance(envelope.data, ACCOUNTS + ACCOUNT_PLANS) and envelope.account is not None:
                accounts.update(self._account_changed(envelope, envelope.account))
                self._sealers.pop(envelope.account, None)
            elif isinstance(envelope.data, OF_RULES):
                continue
            elif envelope.organization:  # a tick of the real clock belongs to no organization
                organizations.add(envelope.organization)
                self._directories.pop(envelope.organization, None)
                self._plans.pop(envelope.organization, None)
                if (readers := self._readers.get(envelope.organization)) is not None:
                    readers.evolve(envelope)
        return Stale(frozenset(organizations), frozenset(accounts))

    def _account_changed(self, envelope: Envelope, account_id: str) -> Iterable[str]:
        directory = self._directories.get(envelope.organization)
        if directory is not None and isinstance(envelope.data, ACCOUNTS):
            follow_account(directory, account_id)
        readers = self._readers.get(envelope.organization)
        family = (account_id,) if readers is None else readers.evolve_account(envelope, account_id)
        # No view of a new account exists yet, and it changes nobody else's charges.
        return () if isinstance(envelope.data, AccountCreated) else family

    def directory(self, organization: str) -> Directory | None:
        """Accounts and meters of the organization; None while it is unknown or not configured."""
        directory = self._directories.get(organization)
        if directory is None:
            resources = self._follower.resources(organization)
            if resources is None or resources.config is None:
                return None
            directory = self._directories[organization] = directory_of(resources)
        return directory

    def meter_plan(self, directory: Directory, meter_id: str) -> MeterPlan | None:
        """The aggregations of a meter; None if the meter has none."""
        plans = self._plans.get(directory.organization)
        if plans is None:
            plans = self._plans[directory.organization] = meter_plans(directory.resources)
        return plans.get(meter_id)

    def readers(self, directory: Directory, key: TotalsKey) -> tuple[Reader, ...]:
        """The series that read a total of an account."""
        family_readers = self._readers.get(directory.organization)
        if family_readers is None:
            family_readers = self._readers[directory.organization] = FamilyReaders(directory.resources)
        return family_readers.of(key)


class RelayBehindError(Worded, Passing):
    """the relay stands at {at} of the event store's {wanted} since {seconds:.0f} s; usage waits. Is it running?"""

    def __init__(self, at: int, wanted: int, seconds: float) -> None:
        super().__init__(at=at, wanted=wanted, seconds=seconds)


class CommandGate:
    """Commands before usage: keeps `catalogs` at least as new as the event store was at the last `pass_`.

    A publisher that creates a meter, waits for the 200 and then sends usage must never see it refused as "unknown
    meter". So each poll, *after* its records were fetched, asks the event store how far it is. Any command acknowledged
    before one of these records was sent is at or below that position. If an event of the catalog is among those that
    came since, the worker waits until the relay has published it, and folds `billing.catalog` to its end (decision 10).
    Until then nothing is judged. Events of one account alone, such as commitments and bills, change no judgement and
    are not waited for: a burst of them would hold up everybody's usage.
    """

    def __init__(self, postgres: Postgres, generations: Generations, follower: CatalogFollower) -> None:
        self._postgres = postgres
        self._generations = generations
        self._follower = follower
        self._known = -1
        self.catalogs = Catalogs(follower)

    async def pass_(self) -> Stale:
        """Wait until every command up to now is known here; returns whose state the commands may have changed.

        Raises: RelayBehindError, PostgresUnreachableError, KafkaUnreachableError; call it again, nothing is lost.
        StoreWentBackError: no usage may be rated past it. GenerationsMovedError: `usage` or the store now has another
        name, so these records may belong to another generation, and commands would be missed.
        """
        async with self._postgres.connection() as connection:
            newest, generations = await head_and_generations(connection)
            shared = await newest_shared(connection, self._known, newest) if newest > self._known else 0
        if generations != self._generations:
            raise GenerationsMovedError
        if newest < self._known:
            raise StoreWentBackError(self._known, newest, "this ingest worker")
        changed = Stale()
        if shared or self._known < 0:
            await self._wait_for_relay(shared)
            changed = self.catalogs.changed(await self._follower.catch_up())
        self._known = newest
        return changed

    async def _wait_for_relay(self, wanted: int) -> None:
        started, looks = asyncio.get_running_loop().time(), 0
        while (at := await self._relayed()) < wanted:
            looks += 1
            waited = asyncio.get_running_loop().time() - started
            if waited > RELAY_WAIT_S:
                raise RelayBehindError(at, wanted, waited)
            await asyncio.sleep(pause_after(_STEP_S, looks))

    async def _relayed(self) -> int:
        async with self._postgres.connection() as connection:
            return await relayed(connection)
