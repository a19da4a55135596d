"""What ingest asks of an organization for every record: its accounts and meters by code, in the shape of the question.

Made from `Resources` whenever the catalog has moved and the organization is used again.
"""

from dataclasses import dataclass, field
from datetime import datetime

from events.resources.catalog import FieldCategory, Meter
from projections.resources import AccountEntity, Entity, Resources
from services.ingest.arrival import FUTURE_LIMIT, LATEST
from services.ingest.digest import meter_crc


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account that usage may name."""

    id: str
    code: str
    partition: int
    timezone: str


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """A meter that usage may name: the codes of its fields, by the map of `data` that they stand in."""

    id: str
    code: str
    fields: dict[str, frozenset[str]]
    #: `meter_crc` of its id.
    crc: int


@dataclass(slots=True)
class Directory:
    """One organization at one catalog offset.

    `clock` is its test clock and `limit` the latest time of usage by it; None where the real clock counts.
    """

    organization: str
    resources: Resources
    accounts: dict[str, KnownAccount] = field(default_factory=dict)
    meters: dict[str, KnownMeter] = field(default_factory=dict)
    clock: datetime | None = None
    limit: datetime | None = None


def directory_of(resources: Resources) -> Directory:
    """The organization's accounts and meters by code."""
    config = resources.config
    clock = resources.clock if config is not None and config.body.test_clock else None
    return Directory(
        organization=resources.organization,
        resources=resources,
        accounts={account.body.code: _account(account) for account in resources.accounts.values()},
        meters={meter.body.code: _meter(meter) for meter in resources.meters.values()},
        clock=clock,
        limit=None if clock is None else min(clock, LATEST) + FUTURE_LIMIT,
    )


def _account(entity: AccountEntity) -> KnownAccount:
    return KnownAccount(entity.id, entity.body.code, entity.partition, entity.timezone)


def _meter(entity: Entity[Meter]) -> KnownMeter:
    by_category: dict[FieldCategory, set[str]] = {}
    for data_field in entity.body.data_fields:
        by_category.setdefault(data_field.category, set()).add(data_field.code)
    # METADATA stands in `data.metadata`, and so on: the maps of the wire are the categories in lower case.
    fields = {category.lower(): frozenset(codes) for category, codes in by_category.items()}
    return KnownMeter(entity.id, entity.body.code, fields, meter_crc(entity.id))


def add_account(directory: Directory, account_id: str) -> None:
    """Take in an account that was just created, if the resources still hold it."""
    entity = directory.resources.accounts.get(account_id)
    if entity is not None:
        directory.accounts[entity.body.code] = _account(entity)
