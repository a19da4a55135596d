"""One family as known at a moment of log time: the records of log and catalog appended by then, and the day by the last
tick of the real clock. Also the time since when anything is known of an account.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from events.codec import ForeignRecordError, decode_own
from events.dates import from_ms, read_moment
from events.facts.bills import Positions
from events.facts.clock import ClockTicked
from events.sources import Origins
from events.topics import CATALOG, EVENTS
from projections.calendar import ONE_DAY, later, named_day
from projections.clock import counted_tick
from projections.resources import Resources
from projections.settlement import Family, Settlement, settled
from projections.settlement.extent import check_unbilled
from projections.settlement.states_by_day import as_of_day
from services.commands.refused import UnknownResource
from services.commands.table import KINDS
from services.kafka import Cluster, FetchedRecord, LogReader
from services.postgres import Postgres
from services.readside.family_now import UnknownFamilyError
from services.readside.horizon import check_ahead
from services.readside.lately import LatelyUsed
from services.readside.live import reading_live
from services.readside.loading import read_positions, read_roots
from services.readside.past.family import load_past
from services.readside.recalled import recall_family
from services.readside.waiter import Waiter
from services.store.conditions import is_of_account

_ROOT = "SELECT root_id FROM facts WHERE organization = $1 AND resource_id = $2 AND root_id IS NOT NULL LIMIT 1"
_NAME = b'{"type":"ClockTicked"'
#: Ticks come each quarter hour, so the first look back mostly finds one.
_FIRST_LOOK = 2_000


@dataclass(frozen=True, slots=True)
class KnownFamily:
    """A family, its day, and the positions that it was folded to."""

    root_id: str
    family: Family
    resources: Resources
    today: date
    positions: Positions

    def check(self, as_of: date | None) -> None:
        """Check the day. Raises: InvalidField if it is further ahead than is settled."""
        if as_of is not None:
            check_ahead(as_of, self.today)

    def settled(self, as_of: date | None) -> Settlement:
        """The settlement as of a service day. Without a day: as the live read models are settled, never before the
        latest bill. Raises: TooMuchError.
        """
        check_unbilled(self.family, as_of or self.today)
        if as_of is not None:
            return as_of_day(self.family, as_of)
        return settled(self.family, self.today)


async def load_known(
    postgres: Postgres, cluster: Cluster, waiter: Waiter, organization: str, kind: str, id: str, at: datetime | None
) -> KnownFamily:
    """The family of a resource as known at a moment; None: as known now.

    Raises: UnknownResource, for a resource that was unknown then.
    """
    # Everything in the log at the time of the call is in the read models from here on.
    await waiter.until_commands_projected()
    async with reading_live(postgres) as connection:
        root_id = await connection.fetchval(_ROOT, organization, id)
    if root_id is None:
        raise UnknownResource(kind=kind, id=id)
    if at is None:
        now = await recall_family(postgres, organization, root_id)
        return KnownFamily(root_id, now.family, now.resources, now.today, now.positions)
    try:
        return await _load(postgres, cluster, organization, root_id, at)
    except UnknownFamilyError as error:
        raise UnknownResource(kind=kind, id=id) from error


async def _load(postgres: Postgres, cluster: Cluster, organization: str, root_id: str, at: datetime) -> KnownFamily:
    async with LogReader(cluster) as reader:
        positions = await _cut(postgres, reader, organization, root_id, at)
        past = await load_past(postgres, reader, organization, root_id, positions)
        tick = await last_tick(reader, positions.partition, positions.log, past.origins)
    state, resources = past.state, past.resources
    return KnownFamily(root_id, past.family, resources, state.today(resources, tick), positions)


async def _cut(postgres: Postgres, reader: LogReader, organization: str, root_id: str, at: datetime) -> Positions:
    """The prefixes of the log and the catalog appended by the moment, as far as they are projected.

    A record later than the moment ends the prefix, even if a record with an earlier time stands behind it: a replay
    that is cut at the moment stops there, too.
    """
    async with reading_live(postgres) as connection:
        roots = await read_roots(connection, organization, [root_id])
        if not roots:
            raise UnknownFamilyError(organization, root_id)
        partition = roots[0].partition
        position = (await read_positions(connection, [partition]))[partition]
    log = (await reader.offsets_after(EVENTS, [partition], at))[partition]
    catalog = (await reader.offsets_after(CATALOG, [0], at))[0]
    return Positions(
        partition=partition, log=min(log, position.next_offset), catalog=min(catalog, position.catalog_offset)
    )


async def last_tick(reader: LogReader, partition: int, end: int, origins: Origins) -> datetime | None:
    """The newest tick below the offset, searched backwards in ever longer ranges; None without any."""
    stop, length = end, _FIRST_LOOK
    while stop > 0:
        start = max(0, stop - length)
        newest: datetime | None = None
        async for records in reader.read(EVENTS, partition, start, stop):
            for record in records:
                now = _tick(record, origins)
                if now is not None:
                    newest = later(newest, now)
        if newest is not None:
            return newest
        stop, length = start, length * 2
    return None


def _tick(record: FetchedRecord, origins: Origins) -> datetime | None:
    if not (record.value or b"").startswith(_NAME):
        return None
    try:
        envelope = decode_own(record.value, origins)
    except ForeignRecordError:
        return None
    if not isinstance(envelope.data, ClockTicked) or envelope.organization:
        return None
    return counted_tick(envelope.data, record.timestamp)


#: The kinds whose days count for an account, for a query.
_SPANNING = ", ".join(f"'{kind.name}'" for kind in KINDS.values() if kind.spans)
#: Days and date-times sort as their texts do, except within a day or with the next one.
_TERMS = f"""
SELECT min(e.body->>'startDate') AS first, max(coalesce(e.body->>'rolloverEndDate', e.body->>'endDate')) AS last
FROM store.entities e
WHERE e.organization = $1 AND e.kind IN ({_SPANNING}) AND {is_of_account("e", "$2")}
"""
_FIRST = """
SELECT partition, log_offset FROM facts WHERE organization = $1 AND resource_id = $2 ORDER BY log_offset LIMIT 1
"""
#: When the first facts about accounts were appended, cached, because log times never change; the least recently used go
#: first.
_KEPT = 10_000
_times = LatelyUsed[tuple[str, int, int], datetime](_KEPT)


async def read_terms(connection: Any, organization: str, account: str, zone: str) -> tuple[date | None, date | None]:
    """The first and the last day on which the account has a commitment, a balance or a plan; None: it has none, or none
    that ends.
    """
    row = await connection.fetchrow(_TERMS, organization, account)
    first, last = (None if text is None else named_day(read_moment(text), zone) for text in (row["first"], row["last"]))
    return first, None if last is None else last - ONE_DAY


async def first_known(postgres: Postgres, cluster: Cluster, organization: str, account: str) -> datetime | None:
    """The log time of the first fact about the account; None if it is unknown yet."""
    async with reading_live(postgres) as connection:
        row = await connection.fetchrow(_FIRST, organization, account)
    if row is None:
        return None
    key = (account, row["partition"], row["log_offset"])
    time = _times.get(key)
    if time is None:
        time = await _log_time(cluster, row["partition"], row["log_offset"])
        _times.keep(key, time)
    return time


async def _log_time(cluster: Cluster, partition: int, offset: int) -> datetime:
    async with LogReader(cluster) as reader:
        async for records in reader.read(EVENTS, partition, offset, offset + 1):
            return from_ms(records[0].timestamp)
    raise AssertionError("a read ends with its last offset")
