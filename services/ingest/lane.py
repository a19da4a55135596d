"""What all usage of one account and meter has in common, worked out once: most of what judging and writing it needs.

A lane is memory of the catalog. All lanes of a partition are dropped when the catalog moves (`PartitionState.forget`),
so none outlives a price, a field of a meter, a clock or an account.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.cloudevent import CloudEvent
from services.ingest.digest import Hash, owner_hash
from services.ingest.directory import Directory, KnownAccount, KnownMeter
from services.ingest.fragments import owner_json
from services.ingest.refusal import Reason, Refused
from services.projector.cells import MeterPlan, ZoneDays

#: What an event says of its lane: organization, account code, meter code.
LaneKey = tuple[str, str, str]


@dataclass(slots=True, eq=False)
class Lane:
    """One account and meter at one catalog offset."""

    directory: Directory
    account: KnownAccount
    meter: KnownMeter
    #: The days of the account's zone.
    days: ZoneDays
    #: To be copied and fed with the rest of a record's identity.
    owner_hash: Hash
    #: What every record of the log says of the account.
    owner_json: str
    #: The meter's aggregations, None if it has none.
    plan: MeterPlan | None = None
    #: The plain sums of the meter and the charges that they run into; the rater makes them.
    sums: tuple[Any, ...] | None = None


def find_account(event: CloudEvent, directory: Directory | None) -> KnownAccount:
    """The account that the event names. Raises: Refused."""
    if directory is None:
        raise Refused(Reason.UNKNOWN_ORGANIZATION, f"organization {event.organization[:80]!r} is not known")
    account = directory.accounts.get(event.subject)
    if account is None:
        raise Refused(Reason.UNKNOWN_ACCOUNT, f"subject must be an account's code, {event.subject[:80]!r} is none")
    return account


def lane_of(event: CloudEvent, account: KnownAccount, directory: Directory) -> Lane:
    """The lane of an event of the account. Raises: Refused, if its meter is unknown."""
    meter = directory.meters.get(event.data.meter)
    if meter is None:
        raise Refused(Reason.UNKNOWN_METER, f"data.meter must be a meter's code, {event.data.meter[:80]!r} is none")
    organization = directory.organization
    return Lane(
        directory,
        account,
        meter,
        days_in(account.timezone),
        owner_hash(organization, account.id),
        owner_json(organization, account.id),
    )


@cache
def days_in(zone: str) -> ZoneDays:
    """The days of a zone, shared by all that ask; zones are few."""
    return ZoneDays(ZoneInfo(zone))
