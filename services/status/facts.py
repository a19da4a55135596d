"""How far everybody is behind, since when the oldest usage waits, and who waits to be settled: the whole system's, as
Kafka and Postgres have it, whether or not the processes run that should see to it.
"""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from events.topics import EVENTS, USAGE
from services.kafka import EPOCH, Cluster, LogReader
from services.readside.looking import Seen
from services.readside.targets import usage_read

#: By topic and partition, where it ends.
Ends = Mapping[str, Mapping[int, int]]
RELAY, INGEST, PROJECTOR = "relay", "ingest worker", "projector"
_DUE = "SELECT reason, count(*) AS count FROM due_accounts GROUP BY reason ORDER BY reason"
#: Of the first record that waits no more is fetched than this; Kafka gives a larger one whole.
_FETCH_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Behind:
    """How far somebody is behind, and where it stands."""

    count: int
    standing: object


def behind(seen: Seen, ends: Ends) -> dict[str, Behind]:
    """By who: events that the relay has to publish, usage to be read, records of the log to be folded.

    Without `ends` only what Postgres tells.
    """
    found = {RELAY: Behind(seen.head - seen.relayed, seen.relayed)}
    if ends:
        read, folded = usage_read(seen, ends[USAGE]), folded_of(seen, ends)
        found[INGEST] = Behind(_missing(ends[USAGE], read), read)
        found[PROJECTOR] = Behind(_missing(ends[EVENTS], folded), seen.projected)
    return found


def folded_of(seen: Seen, ends: Ends) -> dict[int, int]:
    """Up to which offset each partition of `billing.events` is folded."""
    return {one: seen.projected.next_offsets.get(one, 0) for one in ends[EVENTS]}


def _missing(ends: Mapping[int, int], reached: Mapping[int, int]) -> int:
    return sum(max(0, end - reached[partition]) for partition, end in ends.items())


async def oldest_unprojected(cluster: Cluster, seen: Seen, ends: Ends) -> datetime | None:
    """When the oldest usage arrived that the read models do not have, as Kafka stamped it; None if they have all.

    Raises: KafkaUnreachableError.
    """
    read = usage_read(seen, ends[USAGE])
    waiting = {partition: read[partition] for partition, end in ends[USAGE].items() if read[partition] < end}
    if not waiting:
        return None
    found: list[datetime] = []
    async with LogReader(cluster, committed=True, fetch_bytes=_FETCH_BYTES) as reader:
        # What retention has deleted cannot wait any more; the guard of every process says that it is lost.
        beginnings = await reader.beginning_offsets(USAGE, waiting)
        for partition, offset in waiting.items():
            start = max(offset, beginnings[partition])
            async with aclosing(reader.read(USAGE, partition, start, ends[USAGE][partition], max_records=1)) as records:
                async for [record] in records:
                    found.append(EPOCH + timedelta(milliseconds=record.timestamp))
                    break
    return min(found, default=None)


async def due_families(connection: Any) -> dict[str, int]:
    """Families that wait to be settled, by reason, in the live read models; `lines`: of them only draws and lines."""
    return {row["reason"]: row["count"] for row in await connection.fetch(_DUE)}
