"""Refused records: read at their places in `usage.rejected`, and sent into `usage` again unchanged. Their rows leave
the list once Kafka holds them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from events.topics import USAGE, USAGE_REJECTED, partition_of
from services.kafka import Cluster, FetchedRecord, LogReader, Record, SharedWriter
from services.postgres import Postgres
from services.refusals.refused_usage import forget, note_replayed
from services.refusals.rejected_record import Row, as_it_came, id_of
from services.store.view import partitions_of

_CUT = "the topic has only the beginning of its value: its publisher has to send it again"
_GONE = "its bytes are not in usage.rejected any more"


@dataclass(frozen=True, slots=True)
class Resent:
    """By id: when Kafka had the sent records, in ms (LogAppendTime), and why others could not be sent."""

    sent: dict[str, int]
    left: dict[str, str]


async def replay_refused(
    postgres: Postgres, usage: SharedWriter, cluster: Cluster, organization: str, partitions: int, rows: Sequence[Row]
) -> Resent:
    """Send these records again. Raises: KafkaUnreachableError; records sent until then are noted, and all may be sent
    again.
    """
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
    sent: dict[str, int] = {}
    for partition, theirs in parts.items():
        came = [records[row.id] for row in theirs]
        as_they_came = [Record(record.key, record.value, as_it_came(record.headers)) for record in came]
        acknowledged = await usage.append(USAGE, partition, as_they_came)
        sent |= dict.fromkeys((row.id for row in theirs), acknowledged[0].ms)
        async with postgres.connection() as connection:
            await note_replayed(connection, organization, theirs)
    return Resent(sent, left)


#: Largest gap between two records that is read along instead of starting another read.
_GAP = 500
#: One partition at a time: requested records lie close together, and very much else may lie behind them.
_FETCH_BYTES = 256 * 1024


async def read_records(cluster: Cluster, rows: Sequence[Row]) -> dict[str, FetchedRecord]:
    """The records of rows of one organization, by id, without those that are gone or were replaced.

    Raises: KafkaUnreachableError.
    """
    by_id: dict[str, FetchedRecord] = {}
    if not rows:
        return by_id
    wanted = {(row.partition, row.log_offset): row.id for row in rows}
    partitions = {row.partition for row in rows}
    async with LogReader(cluster, fetch_bytes=_FETCH_BYTES) as reader:
        begins = await reader.beginning_offsets(USAGE_REJECTED, partitions)
        ends = await reader.end_offsets(USAGE_REJECTED, partitions)
        for partition in sorted(partitions):
            offsets = sorted(offset for number, offset in wanted if number == partition)
            for start, end in _ranges([offset for offset in offsets if begins[partition] <= offset < ends[partition]]):
                async for records in reader.read(USAGE_REJECTED, partition, start, end):
                    for record in records:
                        id = wanted.get((partition, record.offset))
                        if id is not None and id_of(record) == id:
                            by_id[id] = record
    return by_id


def _ranges(offsets: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges that hold all these ascending offsets."""
    start = previous = None
    for offset in offsets:
        if start is None or previous is None:
            start = offset
        elif offset - previous > _GAP:
            yield start, previous + 1
            start = offset
        previous = offset
    if start is not None and previous is not None:
        yield start, previous + 1
