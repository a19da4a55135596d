"""The lookups that ingest makes in an organization for every record: accounts and meters by code, and the readers of
their totals.

The directory is built from `Resources` on first use, and again after changes to the organization, except changes of
accounts: these cost only that account and its family.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from events.digests import meter_crc
from events.envelope import Envelope
from events.resources.catalog import FieldCategory, Meter
from projections.aggregates import TotalsKey
from projections.entities import AccountEntity, Entity
from projections.rating.index import FamilyIndex, index_families
from projections.rating.terms import Reader, Readers
from projections.resources import Resources
from projections.settlement.family import compile_terms
from services.ingest.instants import FUTURE_LIMIT, LATEST
from services.refusals.refusal import Hold


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account that usage may refer to."""

    id: str
    code: str
    partition: int
    timezone: str


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """A meter that usage may refer to: the codes of its fields, by their map in `data`."""

    id: str
    code: str
    fields: dict[str, frozenset[str]]
    #: `meter_crc` of its id.
    crc: int


@dataclass(slots=True)
class Directory:
    """One organization at one catalog offset.

    `clock` is its test clock and `limit` the latest allowed time of usage by that clock; None for the real clock.
    `keeps_keys`: personal texts of usage in `who` are sealed.
    """

    organization: str
    resources: Resources
    accounts: dict[str, KnownAccount] = field(default_factory=dict)
    #: By id: the codes of the accounts in `accounts`.
    codes: dict[str, str] = field(default_factory=dict)
    meters: dict[str, KnownMeter] = field(default_factory=dict)
    clock: datetime | None = None
    limit: datetime | None = None
    keeps_keys: bool = False
    #: How usage of an unknown account, and of an unknown meter, is held; None: it is refused.
    hold_for_accounts: Hold | None = None
    hold_for_meters: Hold | None = None


def directory_of(resources: Resources) -> Directory:
    """The organization's accounts and meters by code."""
    clock = resources.clock if resources.has_test_clock else None
    config = resources.configured
    hold = None if config is None else Hold(config.hold, clock)
    return Directory(
        organization=resources.organization,
        resources=resources,
        accounts={account.body.code: _account(account) for account in resources.accounts.values()},
        codes={account.id: account.body.code for account in resources.accounts.values()},
        meters={meter.body.code: _meter(meter) for meter in resources.meters.values()},
        clock=clock,
        limit=None if clock is None else min(clock, LATEST) + FUTURE_LIMIT,
        keeps_keys=resources.keeps_keys,
        hold_for_accounts=hold if config is not None and config.holds_for_accounts else None,
        hold_for_meters=hold if config is not None and config.holds_for_meters else None,
    )


def _account(entity: AccountEntity) -> KnownAccount:
    return KnownAccount(entity.id, entity.body.code, entity.partition, entity.timezone)


def _meter(entity: Entity[Meter]) -> KnownMeter:
    by_category: dict[FieldCategory, set[str]] = {}
    for data_field in entity.body.data_fields:
        by_category.setdefault(data_field.category, set()).add(data_field.code)
    # The maps of the wire are the categories in lower case: METADATA is `data.metadata`, and so on.
    fields = {category.lower(): frozenset(codes) for category, codes in by_category.items()}
    return KnownMeter(entity.id, entity.body.code, fields, meter_crc(entity.id))


def follow_account(directory: Directory, account_id: str) -> None:
    """Update one account from the resources: it was created, has another code, or was deleted."""
    before = directory.codes.pop(account_id, None)
    if before is not None and directory.accounts[before].id == account_id:
        del directory.accounts[before]
    entity = directory.resources.accounts.get(account_id)
    if entity is not None:
        directory.accounts[entity.body.code] = _account(entity)
        directory.codes[account_id] = entity.body.code


class FamilyReaders:
    """The series of the account plans that rate an account, as settlement compiles them.

    A family of the organization is compiled when one of its accounts is first rated.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._index: FamilyIndex = index_families(resources)
        #: By root.
        self._readers: dict[str, Readers] = {}

    def evolve(self, envelope: Envelope) -> None:
        """Apply a fact that the resources already include: any compiled series may have changed."""
        self._index.evolve(envelope)
        self._readers.clear()

    def evolve_account(self, envelope: Envelope, account_id: str) -> Iterable[str]:
        """Apply a fact about an account or its plans, which the resources already include.

        Returns the ids of its family. For a deleted account it returns only its own id: nothing asks for the account
        any more, and it rated nobody else's usage.
        """
        self._index.evolve(envelope)
        account = self._resources.accounts.get(account_id)
        root = account_id if account is None else account.root_id
        self._readers.pop(root, None)
        return (account_id, *self._index.ids("accounts", root))

    def of(self, key: TotalsKey) -> tuple[Reader, ...]:
        """The series that read this total, from plans that rate the account on any day."""
        account = self._resources.accounts.get(key[0])
        if account is None or account.root_id not in self._resources.accounts:
            return ()
        readers = self._readers.get(account.root_id)
        if readers is None:
            readers = compile_terms(self._resources, account.root_id, self._index).readers
            self._readers[account.root_id] = readers
        return readers.get(key, ())
