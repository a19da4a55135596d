"""The projector's snapshot of some partitions, from which the ingest worker starts (decision 7).

It is read in one REPEATABLE READ transaction: positions, totals and ids of one moment. A mix of two moments would count
the records between them twice or not at all. Without read models (a new database), every partition starts empty.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from events.topics import EVENTS
from projections.readmodels.usage_totals import day_state
from services.continuity.memory import mark_of_json
from services.ingest.instants import day_number
from services.ingest.seen_ids import SeenIds
from services.ingest.totals import PartitionTotals
from services.kafka import Mark
from services.postgres import Postgres
from services.readside.live import find_live, use_schema

#: $1 topic, $2 partitions.
_POSITIONS = """
SELECT partition, next_offset, sequences::text AS sequences
FROM positions WHERE topic = $1 AND partition = ANY ($2::integer[])
"""

#: The last record of `usage` that was read, with the source that reported it.
_MARKS = """
SELECT source, mark::text AS mark FROM positions, jsonb_object_keys(sequences) AS source
WHERE topic = 'usage' AND mark IS NOT NULL
"""

#: $1 partitions. A partition without any remaining ids has no row.
_TOTALS = """
SELECT partition, account_id, aggregation_id, segment, day, records, total, state::text AS state
FROM usage_totals WHERE partition = ANY ($1::integer[]) AND records > 0
"""

#: $1 partitions. Oldest first: a newer use of an id comes after an older one.
_SEEN = """
SELECT partition, (extract(epoch FROM newest_arrival) * 1000)::bigint AS newest_ms, digests
FROM seen_ids WHERE partition = ANY ($1::integer[]) ORDER BY partition, first_offset
"""


@dataclass(slots=True)
class Snapshot:
    """One partition as the projector has folded it: `position` is the next offset of `billing.events`."""

    position: int = 0
    sequences: dict[str, int] = field(default_factory=dict)
    marks: Mapping[str, Mark | None] = field(default_factory=dict)
    totals: PartitionTotals = field(default_factory=PartitionTotals)
    seen: SeenIds = field(default_factory=SeenIds)


async def load_snapshots(postgres: Postgres, homes: Mapping[int, int]) -> dict[int, Snapshot]:
    """The snapshot of each partition, given its home; an empty snapshot if the projector has not written the partition.

    A partition that is not its own home has no totals and no ids.

    Raises: OutdatedReadModelsError: this program does not understand totals and ids of another version;
    PostgresUnreachableError.
    """
    snapshots = {partition: Snapshot() for partition in homes}
    own = [partition for partition, home in homes.items() if partition == home]
    async with postgres.transaction(isolation="repeatable_read") as connection:
        live = await find_live(connection)
        if live is None:
            return snapshots
        live.require_current()
        await use_schema(connection, live.schema)
        marks = {row["source"]: mark_of_json(row["mark"]) for row in await connection.fetch(_MARKS)}
        rows = {row["partition"]: row for row in await connection.fetch(_POSITIONS, EVENTS, list(homes.values()))}
        for partition, home in homes.items():
            snapshots[partition].marks = marks
            if home in rows:
                snapshots[partition].position = rows[home]["next_offset"]
                snapshots[partition].sequences = json.loads(rows[home]["sequences"])
        async for row in connection.cursor(_TOTALS, own, prefetch=5_000):
            key = (row["account_id"], row["aggregation_id"], row["segment"])
            snapshots[row["partition"]].totals.load(key, row["day"], day_state(row))
        sorting, seen = _Sorting(), SeenIds()
        async for row in connection.cursor(_SEEN, own, prefetch=100):
            if seen is not (its := snapshots[row["partition"]].seen):
                await sorting.begin(seen)
                seen = its
            if seen.gather(row["digests"], day_number(row["newest_ms"])):
                await sorting.begin(seen)
        await sorting.begin(seen)
    await sorting.end()
    return snapshots


class _Sorting:
    """Sorts ids in a thread while the next rows arrive, because numpy releases the interpreter. One part after the
    other.
    """

    def __init__(self) -> None:
        self._last: asyncio.Future[None] | None = None

    async def begin(self, seen: SeenIds) -> None:
        rows = seen.gathered()
        await self.end()
        self._last = asyncio.ensure_future(asyncio.to_thread(seen.sort, rows))

    async def end(self) -> None:
        if self._last is not None:
            await self._last
