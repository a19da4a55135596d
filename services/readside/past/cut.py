"""The cut of log and catalog at a moment, in every partition, and the rows and events known by then.

As everywhere, a fact is later if it stands later in the log. Its own time does not count: it comes from the clock of
the command's caller, which may be a test clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events.codec import decode
from events.facts.bills import Positions
from events.topics import CATALOG, EVENTS
from projections.readmodels.facts import CATALOG_PARTITION
from services.kafka import Cluster, LogReader
from services.postgres import Postgres
from services.readside.live import reading_live
from services.readside.waiter import Waiter

#: Column `partition` of `facts` begins at -1, an SQL array at 1.
_FIRST = 1 - CATALOG_PARTITION
#: Facts of one organization, in each of these partitions before an offset, without scanning other organizations' facts.
_LAST_FACTS = """
WITH last AS (
    SELECT asked.number, asked.partition, (
        SELECT max(f.log_offset) FROM facts f
        WHERE f.partition = asked.partition AND f.organization = $1 AND f.log_offset < asked.until
    ) AS log_offset
    FROM unnest($2::integer[], $3::bigint[]) WITH ORDINALITY AS asked (partition, until, number)
)
SELECT last.number, f.record FROM last JOIN facts f USING (partition, log_offset)
"""
_OF_RESOURCES = f"""
SELECT f.partition, f.log_offset, f.resource_id, f.type, f.record FROM facts f
WHERE f.organization = $1 AND f.resource_id = ANY ($3::text[])
    AND f.log_offset < ($2::bigint[])[f.partition + {_FIRST}]
ORDER BY f.partition, f.log_offset
"""


@dataclass(frozen=True, slots=True)
class Cut:
    """Next offsets, exclusive: of the catalog, and then of each partition of the log."""

    at: datetime
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KnownEvents:
    """The last event of an organization known by a moment, by its position in the event store: of those in the catalog
    alone, and then of each partition. The relay appends in the order of positions, so all earlier events were known,
    too.
    """

    positions: tuple[int, ...]


async def cut_at(cluster: Cluster, waiter: Waiter, partitions: int, at: datetime) -> Cut:
    """The offsets appended by the moment. Everything in the log at the time of the call is in the read models
    afterwards.
    """
    await waiter.until_commands_projected()
    async with LogReader(cluster) as reader:
        logs = await reader.offsets_after(EVENTS, range(partitions), at)
        catalog = await reader.offsets_after(CATALOG, [0], at)
    return Cut(at, (catalog[0], *(logs[partition] for partition in range(partitions))))


async def events_known(postgres: Postgres, organization: str, cut: Cut) -> KnownEvents:
    """The events of the event store known by then; usage is not among them."""
    partitions = [number + CATALOG_PARTITION for number in range(len(cut.offsets))]
    async with reading_live(postgres) as connection:
        rows = await connection.fetch(_LAST_FACTS, organization, partitions, list(cut.offsets))
    last = {row["number"]: decode(bytes(row["record"])).sequence for row in rows}
    return KnownEvents(tuple(last.get(number, 0) for number in range(1, len(partitions) + 1)))


def is_known(resource: str, types: Sequence[str] = ()) -> str:
    """SQL that holds if a fact about the resource of this column, of one of these types (none: of any), was known by a
    cut, whose offsets are `{0}`. $1 is the organization.
    """
    named = ", ".join(f"'{name}'" for name in types)
    of_types = f" AND k.type IN ({named})" if types else ""
    return (
        f"EXISTS (SELECT FROM facts k WHERE k.organization = $1 AND k.resource_id = {resource}{of_types}"
        f" AND k.log_offset < ({{0}}::bigint[])[k.partition + {_FIRST}])"
    )


#: The same for an event `e` of the event store, by `KnownEvents.positions`.
EVENT_IS_KNOWN = f"e.position <= ({{}}::bigint[])[coalesce(e.partition, {CATALOG_PARTITION}) + {_FIRST}]"
#: For a bill `bill_id`: it existed, and was not dropped or voided.
BILL_IS_KNOWN = f"{is_known('bill_id')} AND NOT {is_known('bill_id', ('BillDropped', 'BillVoided'))}"
#: For a bill `b`: it was issued, and not voided.
ISSUED_IS_KNOWN = f"{is_known('b.bill_id', ('BillIssued',))} AND NOT {is_known('b.bill_id', ('BillVoided',))}"


async def facts_known(
    connection: Any, organization: str, resources: Sequence[str], offsets: Sequence[int]
) -> list[Mapping[str, Any]]:
    """Rows (`partition`, `log_offset`, `resource_id`, `type`, `record`) of the facts about resources before the offsets
    of a cut, by partition, oldest first. The connection's transaction reads the live schema.
    """
    return list(await connection.fetch(_OF_RESOURCES, organization, list(offsets), list(resources)))


def offsets_of(positions: Positions) -> list[int]:
    """The offsets of a cut at a bill's positions: 0 in all partitions other than the bill's."""
    return [positions.catalog, *[0] * positions.partition, positions.log]
