"""Refused records themselves, read at their places in `usage.rejected`."""

from collections.abc import Iterator, Sequence

from events.topics import USAGE_REJECTED
from services.kafka import Cluster, FetchedRecord, LogReader
from services.refusals.rows import Row, id_of

#: What lies between two records and is read with them rather than asked for apart.
_GAP = 500


async def read_records(cluster: Cluster, rows: Sequence[Row]) -> dict[str, FetchedRecord]:
    """The records of rows of one organization, by id; without those that the topic has no more, or another in place of.

    Raises: KafkaUnreachableError.
    """
    found: dict[str, FetchedRecord] = {}
    if not rows:
        return found
    wanted = {(row.partition, row.log_offset): row.id for row in rows}
    partitions = {row.partition for row in rows}
    async with LogReader(cluster) as reader:
        begins = await reader.beginning_offsets(USAGE_REJECTED, partitions)
        ends = await reader.end_offsets(USAGE_REJECTED, partitions)
        for partition in sorted(partitions):
            offsets = sorted(offset for place, offset in wanted if place == partition)
            for start, end in _ranges([one for one in offsets if begins[partition] <= one < ends[partition]]):
                async for records in reader.read(USAGE_REJECTED, partition, start, end):
                    for record in records:
                        id = wanted.get((partition, record.offset))
                        if id is not None and id_of(record) == id:
                            found[id] = record
    return found


def _ranges(offsets: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges that hold all these offsets, which are in order."""
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
