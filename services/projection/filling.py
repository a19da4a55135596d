"""Fills a schema from the log: explicit ranges, no consumer group, settled once at the end."""

from collections.abc import Callable, Mapping, Sequence

from events.topics import EVENTS
from services.failures import ExpectedFailure, Worded
from services.kafka import FetchedRecord, LogReader, Polled
from services.projection.projection import Projection

#: Records of one transaction of a rebuild.
CHUNK = 200_000
DUE_CHUNK = 1_000


class NewerLogError(Worded, ExpectedFailure):
    """{why}; run a newer version of Trueup"""

    def __init__(self, why: str) -> None:
        super().__init__(why=why)


Progress = Callable[[int], None]
#: Is shown every record that is read, in order.
Watch = Callable[[Sequence[FetchedRecord]], None]


async def fold_to(
    projection: Projection,
    log: LogReader,
    ends: Mapping[int, int],
    *,
    catalog_end: int | None = None,
    progress: Progress = lambda records: None,
    watch: Watch = lambda records: None,
) -> None:
    """Fold the loaded partitions up to these next offsets, written a chunk at a time; the rest stays in memory.

    Whom it touches is due once it is written. `progress` is told how many records more were folded.
    """
    for partition, end in ends.items():
        start = projection.partitions[partition].position.next_offset
        async for records in log.read(EVENTS, partition, start, end):
            await projection.fold({partition: Polled(records, records[-1].offset + 1)})
            watch(records)
            progress(len(records))
            if projection.unwritten_records >= CHUNK:
                await projection.write(catalog_end=catalog_end, settle=False)
        if partition in projection.stopped:
            raise NewerLogError(projection.stopped[partition])
        if start < end:
            await projection.fold({partition: Polled((), end)})


async def settle_due(projection: Projection, *, catalog_end: int | None = None) -> None:
    """Write what is unwritten and settle whoever is due, until nobody is."""
    await projection.write(catalog_end=catalog_end, settle=False)
    while await projection.write(catalog_end=catalog_end, due_limit=DUE_CHUNK):
        pass
