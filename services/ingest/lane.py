"""What all usage of one account and meter has in common, worked out once: most of what judging and writing it needs.

What it has in common with other usage of the same publisher is a step more and stands in `Publisher`.

A lane is memory of the catalog. When the catalog moves, the lanes of whom that concerns are dropped
(`PartitionState.forget`), so none outlives a price, a field of a meter, a clock or an account.
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

#: What an event says of its lane: organization, account code, meter code.
LaneKey = tuple[str, str, str]

#: Publishers of one lane that are remembered: few, because anyone may name a new one with every record.
_MOST_PUBLISHERS = 8


@dataclass(slots=True, eq=False)
class Publisher:
    """One source of a lane's usage."""

    source: str
    #: To be copied and fed with a record's id: the id's digest.
    hash: Hash
    #: What the `data` of every record in the log says of the source and the meter, as JSON.
    members: str


class DayAtHand(NamedTuple):
    """A day of a plain sum, its cell of the totals, and the charges that the sum runs into on that day."""

    day: date
    cell: Cell
    charges: tuple[RunningCharge, ...]


@dataclass(slots=True, eq=False)
class RunningSum:
    """A plain sum of the lane's account. Usage comes in order of time, so the rater keeps one day at hand."""

    #: The field of `data.measure` that it sums.
    field: str
    key: TotalsKey
    at_hand: DayAtHand | None = None

    def take_up(self, day: DayAtHand) -> DayAtHand:
        """Another day is at hand from now on."""
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
    #: Latest time of usage by the organization's test clock; None where arrival counts.
    limit: datetime | None
    #: What every record of the log says of the account, as JSON.
    members: str
    #: The meter's aggregations, None if it has none.
    plan: MeterPlan | None
    #: Its plain sums among them.
    sums: tuple[RunningSum, ...]
    #: What seals a text of `who`; None where it is kept as it came.
    seal: Callable[[str], str] | None = None
    #: By source.
    publishers: dict[str, Publisher] = field(default_factory=dict)


def find_account(event: CloudEvent, directory: Directory | None) -> KnownAccount:
    """The account that the event names. Raises: Refused."""
    if directory is None:
        raise Refused(Reason.UNKNOWN_ORGANIZATION, f"organization {event.organization[:80]!r} is not known")
    account = directory.accounts.get(event.subject)
    if account is None:
        rule = f"subject must be an account's code, {event.subject[:80]!r} is none"
        raise Refused(Reason.UNKNOWN_ACCOUNT, rule, _held(event.subject, directory.hold_for_accounts))
    return account


def find_meter(event: CloudEvent, directory: Directory) -> KnownMeter:
    """The meter that the event names. Raises: Refused."""
    meter = directory.meters.get(event.data.meter)
    if meter is None:
        rule = f"data.meter must be a meter's code, {event.data.meter[:80]!r} is none"
        raise Refused(Reason.UNKNOWN_METER, rule, _held(event.data.meter, directory.hold_for_meters))
    return meter


def find_seal(directory: Directory, sealer: Sealer | None) -> Callable[[str], str] | None:
    """What seals personal texts of an account; None where they are kept as they come. Raises: Refused."""
    if not directory.keeps_keys:
        return None
    if sealer is None:
        rule = "the operator's key of personal data is missing: replay this once it is set"
        raise Refused(Reason.NOT_SEALED, rule)
    return sealer.seal


def _held(code: str, hold: Hold | None) -> Hold | None:
    """What nothing can ever be called is not waited for."""
    return hold if 0 < len(code) <= CODE_MAX and is_plain(code) else None


def lane_of(
    directory: Directory,
    account: KnownAccount,
    meter: KnownMeter,
    plan: MeterPlan | None,
    seal: Callable[[str], str] | None = None,
) -> Lane:
    """The lane of an account and a meter, whose aggregations are the plan, and whose personal texts are sealed so."""
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
    """The publisher of this source, from now on remembered. Raises: Refused."""
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
    """The days of a zone, shared by all that ask; zones are few."""
    return ZoneDays(time_zone(zone))
