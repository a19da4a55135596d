"""A lane: the data that all usage of one account and meter shares, prepared once; judging and writing mostly need this
data.

Data shared by usage of one publisher as well is in `Publisher`.

A lane caches the catalog. When the catalog moves, the affected lanes are dropped (`PartitionState.forget`), so no lane
outlives a price, a field of a meter, a clock or an account.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from events.digests import Hash, id_hash
from events.resources.base import CODE_MAX, is_plain
from events.resources.bounds import NO_NUL
from events.zones import ZoneDays, time_zone
from projections.aggregates import TotalsKey
from projections.usage import MeterPlan
from services.ingest.cloudevent import MAX_SOURCE_LENGTH, CloudEvent
from services.ingest.directory import Directory, KnownAccount, KnownMeter
from services.ingest.json_text import members
from services.ingest.running_charge import RunningCharge
from services.ingest.totals import Cell
from services.personal.sealed import Sealer
from services.refusals.refusal import Hold, Reason, Refused

#: The fields of an event that name its lane: organization, account code, meter code.
LaneKey = tuple[str, str, str]

#: Most cached publishers of a lane: few, because every record may name a new one.
_MOST_PUBLISHERS = 8


@dataclass(slots=True, eq=False)
class Publisher:
    """One source of a lane's usage."""

    source: str
    #: A hash to copy and feed with a record's id, which gives the id's digest.
    hash: Hash
    #: The JSON members for source and meter in the `data` of every record.
    members: str


class DayAtHand(NamedTuple):
    """A day of a plain sum, its cell of the totals, and the charges that the sum affects on that day."""

    day: date
    cell: Cell
    charges: tuple[RunningCharge, ...]


@dataclass(slots=True, eq=False)
class RunningSum:
    """A plain sum of the lane's account. Usage comes in order of time, so the rater keeps one day at hand."""

    #: The field of `data.measure` that is summed.
    field: str
    key: TotalsKey
    at_hand: DayAtHand | None = None

    def take_up(self, day: DayAtHand) -> DayAtHand:
        """Change the day at hand."""
        self.at_hand = day
        return day


@dataclass(slots=True, eq=False)
class Lane:
    """One account and meter at one catalog offset."""

    directory: Directory
    account: KnownAccount
    meter: KnownMeter
    #: The days of the account's zone.
    days: ZoneDays
    #: Latest allowed time of usage by the organization's test clock; None if the limit follows from the arrival.
    limit: datetime | None
    #: The JSON members for the account in every record of the log.
    members: str
    #: The meter's aggregations, None if the meter has none.
    plan: MeterPlan | None
    #: The plain sums among them.
    sums: tuple[RunningSum, ...]
    #: Seals a text of `who`; None if such texts are stored as they came.
    seal: Callable[[str], str] | None = None
    #: By source.
    publishers: dict[str, Publisher] = field(default_factory=dict)


def find_account(event: CloudEvent, directory: Directory | None) -> KnownAccount:
    """The account that the event refers to. Raises: Refused."""
    if directory is None:
        raise Refused(Reason.UNKNOWN_ORGANIZATION, f"organization {event.organization[:80]!r} is not known")
    account = directory.accounts.get(event.subject)
    if account is None:
        rule = f"subject must be an account's code, {event.subject[:80]!r} is none"
        raise Refused(Reason.UNKNOWN_ACCOUNT, rule, _held(event.subject, directory.hold_for_accounts))
    return account


def find_meter(event: CloudEvent, directory: Directory) -> KnownMeter:
    """The meter that the event refers to. Raises: Refused."""
    meter = directory.meters.get(event.data.meter)
    if meter is None:
        rule = f"data.meter must be a meter's code, {event.data.meter[:80]!r} is none"
        raise Refused(Reason.UNKNOWN_METER, rule, _held(event.data.meter, directory.hold_for_meters))
    return meter


def find_seal(directory: Directory, sealer: Sealer | None) -> Callable[[str], str] | None:
    """The function that seals personal texts of an account; None if they are stored as they came. Raises: Refused."""
    if not directory.keeps_keys:
        return None
    if sealer is None:
        rule = "the operator's key of personal data is missing: replay this once it is set"
        raise Refused(Reason.NOT_SEALED, rule)
    return sealer.seal


def _held(code: str, hold: Hold | None) -> Hold | None:
    """How to hold usage of an unknown code; None for a text that can never be a code, since waiting would be
    useless.
    """
    return hold if 0 < len(code) <= CODE_MAX and is_plain(code) else None


def lane_of(
    directory: Directory,
    account: KnownAccount,
    meter: KnownMeter,
    plan: MeterPlan | None,
    seal: Callable[[str], str] | None = None,
) -> Lane:
    """The lane of an account and a meter; `plan` are the meter's aggregations, and `seal` seals personal texts."""
    sums = () if plan is None else plan.sums
    return Lane(
        directory,
        account,
        meter,
        days=days_in(account.timezone),
        limit=directory.limit,
        members=members({"organization": directory.organization, "account": account.id}),
        plan=plan,
        sums=tuple(RunningSum(field, (account.id, aggregation_id, "")) for aggregation_id, field in sums),
        seal=seal,
    )


def publisher_of(lane: Lane, source: str) -> Publisher:
    """The publisher of this source, added to the cache. Raises: Refused."""
    if not 0 < len(source) <= MAX_SOURCE_LENGTH:
        raise Refused(Reason.TOO_LONG, f"source must have 1 to {MAX_SOURCE_LENGTH} characters")
    if "\0" in source:
        raise Refused(Reason.BAD_TEXT, f"source {NO_NUL}")
    if len(lane.publishers) >= _MOST_PUBLISHERS:
        lane.publishers.clear()
    begun = id_hash(lane.directory.organization, lane.account.id, source)
    origin = members({"usageSource": source, "meterId": lane.meter.id})
    publisher = lane.publishers[source] = Publisher(source, begun, origin)
    return publisher


@cache
def days_in(zone: str) -> ZoneDays:
    """The days of a zone; all lanes share one object per zone, because zones are few."""
    return ZoneDays(time_zone(zone))
