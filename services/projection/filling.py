"""Fills a schema from the log: explicit ranges, each partition separately, settled once at its end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from events.sources import Origins
from events.topics import EVENTS
from services.apart.work import Form, Progress, Servers
from services.failures import ExpectedFailure, Worded
from services.kafka import FetchedRecord, LogReader, Polled
from services.postgres import open_postgres
from services.projection.projection import Projection
from services.projection.schemas import FixedTarget
from services.sight.pulse import PULSE

#: Records of one transaction of a rebuild.
CHUNK = 200_000
DUE_CHUNK = 1_000
CONNECTIONS = 2


class NewerLogError(Worded, ExpectedFailure):
    """{why}; run a newer version of Trueup"""

    def __init__(self, why: str) -> None:
        super().__init__(why=why)


#: Called with every record that is read, in order.
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

    Affected families are marked as due with each write. `progress` is told how many further records were folded.
    """
    for partition, end in ends.items():
        start = projection.partitions[partition].position.next_offset
        async for records in log.read(EVENTS, partition, start, end):
            await projection.fold({partition: Polled(records, records[-1].offset + 1)})
            watch(records)
            progress(len(records))
            if sum(projection.unwritten_records.values()) >= CHUNK:
                await projection.write(catalog_end=catalog_end, settle=False)
        if partition in projection.stopped:
            raise NewerLogError(projection.stopped[partition])
        if start < end:
            await projection.fold({partition: Polled((), end)})


@dataclass(frozen=True, slots=True)
class PartitionToFold:
    """A partition of the log, to be folded up to a next offset."""

    partition: int
    end: int

    @property
    def records(self) -> int:
        """The number of its offsets."""
        return self.end


@dataclass(frozen=True, slots=True)
class Filling:
    """Fills a schema, one partition at a time, over its own connections. Nobody else writes the partition's rows."""

    schema: str
    origins: Origins

    async def run(self, part: PartitionToFold, servers: Servers, progress: Progress) -> None:
        """Fold the partition from where the schema has it, and settle the affected families. Raises: NewerLogError."""
        async with (
            open_postgres(servers.database_url, role=servers.role, most=CONNECTIONS) as postgres,
            LogReader(servers.cluster) as side,
            LogReader(servers.cluster) as main,
        ):
            projection = Projection(FixedTarget(postgres, self.schema, servers.claim), side, self.origins)
            await projection.load([part.partition])
            await fold_to(projection, main, {part.partition: part.end}, progress=progress)
            await settle_due(projection)


#: Who goes on where another has stopped takes its lease, so that this one can write no more.
FILLING = Form("replay", TypeAdapter(Filling), TypeAdapter(PartitionToFold), TypeAdapter(None), goes_on=True)


async def settle_due(projection: Projection, *, catalog_end: int | None = None) -> None:
    """Write everything unwritten and settle due roots, until none is due."""
    await projection.write(catalog_end=catalog_end, settle=False)
    while await projection.write(catalog_end=catalog_end, due_limit=DUE_CHUNK):
        PULSE.moved()
