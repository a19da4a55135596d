"""Finds an event of usage in the log by its account, source and id (decision 32).

Ids within the window are packed in table `seen_ids`, a row for each transaction of the projector, which gives the range
of the partition with the record. Older events are searched in the range of the account's totals, of one day if their
time is given.
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events.codec import decode
from events.digests import id_digest, id_hash
from events.envelope import event_id
from events.facts.usage import UsageRated
from events.resources.catalog import Meter
from events.sources import ID_HASH_BYTES, WINDOW_DAYS, Origins
from projections.calendar import local_day
from projections.entities import AccountEntity, Entity
from services.commands.correction_rules import LoggedUsage
from services.commands.refused import InvalidField, UnknownResource
from services.kafka import Cluster, LogReader
from services.postgres import Postgres
from services.readside.live import reading_live
from services.readside.loading import read_positions
from services.readside.past.logged_usage import Logged, usage_between
from services.readside.usage_sums import read_range
from services.store.conditions import has_code
from services.store.generations import load_generations
from services.store.view import OF_KIND, entity_of

#: Most records of the log that are searched for one event.
SEARCHED_MAX = 2_000_000
_CALLED = f"{OF_KIND} AND {has_code('e', '$2', '$3::text[]')}"
#: $1 partition, $2 the id's hash. Newest first: an id that was used again after the window names the later event.
IN_WINDOW = """
SELECT first_offset, (
    SELECT min(first_offset) FROM seen_ids later
    WHERE later.partition = $1 AND later.first_offset > seen_ids.first_offset
) AS following
FROM seen_ids WHERE partition = $1 AND position($2::bytea IN digests) > 0 ORDER BY first_offset DESC
"""


@dataclass(frozen=True, slots=True)
class EventNames:
    """The names of an event. `ts`: its time, if known; only an event at this time is then meant."""

    account: str
    source: str
    id: str
    ts: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Ranges:
    """The ranges of the account's partition that may hold it, likeliest first; `older`: in the range of the totals."""

    origins: Origins
    ranges: Sequence[tuple[int, int]]
    older: tuple[int, int] | None


async def account_called(connection: Any, organization: str, code: str) -> AccountEntity:
    """The account with this code. Raises: UnknownResource."""
    entity = await _called(connection, organization, "account", code)
    assert isinstance(entity, AccountEntity)
    return entity


async def meter_called(connection: Any, organization: str, code: str) -> Entity[Meter]:
    """The meter with this code. Raises: UnknownResource."""
    return await _called(connection, organization, "meter", code)


async def _called(connection: Any, organization: str, kind: str, code: str) -> Entity[Any]:
    row = await connection.fetchrow(_CALLED, organization, kind, [code])
    if row is None:
        raise UnknownResource(kind=kind, id=code)
    return entity_of(row)


async def find_usage(
    postgres: Postgres, cluster: Cluster, organization: str, account: AccountEntity, named: EventNames
) -> LoggedUsage | None:
    """The event, if it is projected; the latest one, if its id was used again after the window.

    Raises: InvalidField if more of the log would have to be read than one request may.
    """
    wanted = id_digest(id_hash(organization, account.id, named.source), named.id)
    assert len(wanted) == ID_HASH_BYTES
    searched = await _ranges(postgres, account, named, wanted)
    async with LogReader(cluster) as reader:
        for offsets in searched.ranges:
            if matching := await _matching(reader, account, named, wanted, offsets, searched.origins):
                return _usage(organization, account, matching[-1])
        matching = []
        if searched.older is not None:
            _check(searched.older, named)
            matching = await _matching(reader, account, named, wanted, searched.older, searched.origins)
    return _usage(organization, account, matching[-1]) if matching else None


async def _ranges(postgres: Postgres, account: AccountEntity, named: EventNames, wanted: bytes) -> _Ranges:
    day = None if named.ts is None else local_day(named.ts, account.timezone)
    async with reading_live(postgres) as connection:
        origins = (await load_generations(connection)).origins
        position = (await read_positions(connection, [account.partition])).get(account.partition)
        rows = await connection.fetch(IN_WINDOW, account.partition, wanted)
        older = await read_range(connection, account.id, day, day)
    end = 0 if position is None else position.next_offset
    ranges = [(row["first_offset"], end if row["following"] is None else row["following"]) for row in rows]
    return _Ranges(origins, ranges, older)


def _check(older: tuple[int, int], named: EventNames) -> None:
    """Raises: InvalidField."""
    if older[1] - older[0] > SEARCHED_MAX:
        demand = "must be given" if named.ts is None else "names a day"
        rule = (
            f"{demand}: the event is none of the last {WINDOW_DAYS} days, and lies among {older[1] - older[0]} records"
        )
        raise InvalidField(field="ts", rule=f"{rule}, of which at most {SEARCHED_MAX} are looked through")


async def _matching(
    reader: LogReader,
    account: AccountEntity,
    named: EventNames,
    wanted: bytes,
    offsets: tuple[int, int],
    origins: Origins,
) -> list[Logged]:
    """Records with the id in a range of the account's partition, in order."""
    digest, matching = wanted.hex(), list[Logged]()
    usage = usage_between(reader, account.partition, *offsets, [account.id], origins)
    async with aclosing(usage) as polls:
        async for polled in polls:
            for logged in polled:
                data = logged.record.data
                if data.digest.startswith(digest) and named.ts in (None, datetime.fromisoformat(data.ts)):
                    matching.append(logged)
    return matching


def _usage(organization: str, account: AccountEntity, logged: Logged) -> LoggedUsage:
    record, rated = logged.record, decode(logged.value).data
    assert isinstance(rated, UsageRated)
    id = event_id(record.source, record.sequence)
    return LoggedUsage(organization, account.id, account.partition, logged.offset, id, rated)
