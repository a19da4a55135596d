"""The audit of one partition: its log is folded up to the live read models' position, and its bills are derived
again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from events.facts.usage import RecordMark
from events.sources import Origins
from services.apart.work import Form, Progress, Servers
from services.audit.conservation import unexplained
from services.audit.history import Range, RangeDigests
from services.audit.issued_bills import IssuedBill, derive_again, derive_again_from_past, issued_bills
from services.kafka import Cluster, LogReader
from services.postgres import open_postgres
from services.projection.filling import fold_to, settle_due
from services.projection.projection import Projection
from services.projection.schemas import FixedTarget
from services.readside.live import use_schema

#: One connection reads the live schema; the others write and read the scratch schema.
CONNECTIONS = 3


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schema of the live read models, which is only read, and the schema that the audit fills."""

    live: str
    scratch: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a partition's log to fold: from the position of the scratch schema to that of the live one. `start`,
    `end`: offsets of the log; `start_catalog`, `end_catalog`: of the catalog.
    """

    partition: int
    start: int
    start_catalog: int
    end: int
    end_catalog: int
    #: Ranges of the log that digests are wanted for, in addition to the whole stretch.
    ranges: tuple[Range, ...] = ()

    @property
    def records(self) -> int:
        """The number of offsets in it."""
        return self.end - self.start


class RangeDigest(NamedTuple):
    """The digest of a range of the partition's log."""

    range: Range
    digest: str


@dataclass(frozen=True, slots=True)
class PartitionProved:
    """The result for one partition: the number of derived bills, the first difference, the unexplained money, the mark
    of the last record, and digests of ranges of the log that were read to their ends.
    """

    partition: int
    bills: int
    difference: str | None
    unexplained: Decimal
    mark: RecordMark | None
    digests: Sequence[RangeDigest]


@dataclass(frozen=True, slots=True)
class PartitionAudit:
    """Folds a stretch of one partition into the scratch schema, with its own connections, in whichever process it runs.

    It reads the live schema in the audit's snapshot, which was exported under the name `snapshot`. `behind` are the
    roots whose draws and lines are older than their balances.
    """

    origins: Origins
    schemas: Schemas
    behind: frozenset[str]
    snapshot: str

    async def run(self, stretch: Stretch, servers: Servers, progress: Progress) -> PartitionProved:
        """Fold the stretch, and derive each bill on the way. The catalog is folded once for each partition, because
        each partition stopped at another offset of it.
        """
        async with (
            open_postgres(servers.database_url, role=servers.role, most=CONNECTIONS) as postgres,
            postgres.transaction("repeatable_read", patient=True) as snapshot,
        ):
            await snapshot.execute(f"SET TRANSACTION SNAPSHOT '{self.snapshot}'")
            await use_schema(snapshot, self.schemas.live)
            if servers.claim is not None:
                await servers.claim.name(snapshot)
            target = FixedTarget(postgres, self.schemas.scratch, servers.claim)
            return await self._prove(target, snapshot, stretch, servers.cluster, progress)

    async def _prove(
        self, target: FixedTarget, snapshot: Any, stretch: Stretch, cluster: Cluster, progress: Progress
    ) -> PartitionProved:
        ranges = [*stretch.ranges, (stretch.start, stretch.end)]
        history = RangeDigests(ranges)
        #: Counts bills by their difference; None counts those without any.
        told = Counter[str | None]()
        async with LogReader(cluster) as side, LogReader(cluster) as main:
            projection = Projection(target, side, self.origins)
            await projection.load([stretch.partition], catalog_end=stretch.start_catalog)
            before: list[IssuedBill] = []
            async for issued in issued_bills(snapshot, self.schemas.live, stretch.partition, stretch.start):
                at = issued.bill.positions
                if at.log < stretch.start or at.catalog < stretch.start_catalog:
                    before.append(issued)
                    continue
                await _fold(projection, main, at.log, at.catalog, history, progress)
                told[await derive_again(projection, issued)] += 1
            await _fold(projection, main, stretch.end, stretch.end_catalog, history, progress)
            await settle_due(projection, catalog_end=stretch.end_catalog)
            for issued in before:
                told[await derive_again_from_past(projection, side, issued)] += 1
            mark = projection.partitions[stretch.partition].position.mark
            left_over = await unexplained(snapshot, projection, stretch.partition, self.behind)
        history.reach(stretch.end)
        digests = [RangeDigest(range, digest) for range in ranges if (digest := history.digest(*range)) is not None]
        difference = next(filter(None, told), None)
        return PartitionProved(stretch.partition, told.total(), difference, left_over, mark, digests)


#: What a lost machine has read of the log is in no digest of who would go on.
PARTITION_AUDIT = Form(
    "audit", TypeAdapter(PartitionAudit), TypeAdapter(Stretch), TypeAdapter(PartitionProved), goes_on=False
)


async def _fold(
    projection: Projection, main: LogReader, end: int, catalog_end: int, history: RangeDigests, progress: Progress
) -> None:
    """Fold up to these positions in memory; large ranges are written on the way.

    The catalog comes first, though the rows would be the same in either order: usage then counts for every aggregation
    when it is read, and the log need not be read a second time for aggregations that come later in the catalog.
    """
    await projection.follow(catalog_end)
    [(partition, state)] = projection.partitions.items()
    if state.position.next_offset < end:
        catalog = projection.catalog.offset
        await fold_to(projection, main, {partition: end}, catalog_end=catalog, progress=progress, watch=history.take)
