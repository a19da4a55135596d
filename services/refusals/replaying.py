"""Refused records into `usage` again, as they came; their rows are off the list once Kafka holds them."""

from collections.abc import Sequence
from dataclasses import dataclass

from events.topics import USAGE, partition_of
from services.kafka import Cluster, Record, SharedWriter
from services.postgres import Postgres
from services.refusals.bytes import read_records
from services.refusals.rows import Row, as_it_came
from services.refusals.table import forget, note_replayed
from services.store.view import partitions_of

_CUT = "the topic has only the beginning of its value: its publisher has to send it again"
_GONE = "its bytes are not in usage.rejected any more"


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many were sent again, and why others could not be, by id."""

    count: int
    left: dict[str, str]


async def replay_refused(
    postgres: Postgres, usage: SharedWriter, cluster: Cluster, organization: str, partitions: int, rows: Sequence[Row]
) -> Replayed:
    """Send these again. Raises: KafkaUnreachableError; what was sent until then is noted, and all may be sent again."""
    left = {row.id: _CUT for row in rows if row.cut}
    records = await read_records(cluster, [row for row in rows if not row.cut])
    gone = [row.id for row in rows if row.id not in records and not row.cut]
    left |= dict.fromkeys(gone, _GONE)
    async with postgres.connection() as connection:
        await forget(connection, organization, gone)
        codes = sorted({row.account for row in rows if row.account is not None})
        places = await partitions_of(connection, organization, codes)
    parts: dict[int, list[Row]] = {}
    for row in rows:
        if row.id in records:
            code = row.account or ""
            parts.setdefault(places.get(code, partition_of(organization, code, partitions)), []).append(row)
    for partition, theirs in parts.items():
        sent = [records[row.id] for row in theirs]
        await usage.append(USAGE, partition, [Record(one.key, one.value, as_it_came(one.headers)) for one in sent])
        async with postgres.connection() as connection:
            await note_replayed(connection, organization, theirs)
    return Replayed(sum(map(len, parts.values())), left)
