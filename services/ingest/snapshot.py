"""The projector's snapshot of some partitions, as the ingest worker starts from it (design, decision 7).

Read in one REPEATABLE READ transaction: positions, totals and ids of one moment. One that mixed two moments would count
the records between them twice or not at all. Without read models (a new database) every partition starts empty.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from events.topics import EVENTS
from projections.readmodels.usage_totals import day_state
from services.ingest.arrival import day_number
from services.ingest.seen import SeenIds
from services.ingest.totals import PartitionTotals
from services.postgres import Postgres

_LIVE_SCHEMA = "SELECT name FROM store.live_schema"

#: $1 topic, $2 partitions.
_POSITIONS = """
SELECT partition, next_offset, sequences::text AS sequences
FROM positions WHERE topic = $1 AND partition = ANY ($2::integer[])
"""

#: $1 partitions.
_TOTALS = """
SELECT partition, account_id, aggregation_id, segment, day, records, total, state::text AS state
FROM usage_totals WHERE partition = ANY ($1::integer[])
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
    totals: PartitionTotals = field(default_factory=PartitionTotals)
    seen: SeenIds = field(default_factory=SeenIds)


async def load_snapshots(postgres: Postgres, partitions: Sequence[int]) -> dict[int, Snapshot]:
    """The snapshot of each partition; an empty one for a partition that the projector has not touched.

    Raises: PostgresUnreachableError.
    """
    found = {partition: Snapshot() for partition in partitions}
    async with postgres.transaction(isolation="repeatable_read") as connection:
        schema = await connection.fetchval(_LIVE_SCHEMA)
        if schema is None:
            return found
        quoted = '"' + schema.replace('"', '""') + '"'
        await connection.execute(f"SET LOCAL search_path TO {quoted}")
        for row in await connection.fetch(_POSITIONS, EVENTS, list(partitions)):
            found[row["partition"]].position = row["next_offset"]
            found[row["partition"]].sequences = json.loads(row["sequences"])
        async for row in connection.cursor(_TOTALS, list(partitions), prefetch=5_000):
            key = (row["account_id"], row["aggregation_id"], row["segment"])
            found[row["partition"]].totals.load(key, row["day"], day_state(row))
        async for row in connection.cursor(_SEEN, list(partitions), prefetch=100):
            found[row["partition"]].seen.load(row["digests"], day_number(row["newest_ms"]))
    return found
