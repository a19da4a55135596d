"""One partition of an audit: its log folded to where the live read models stand, and every bill derived on the way."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from events.facts.usage import RecordMark
from events.sources import Origins
from services.audit.history import History, Range
from services.audit.issued_bills import Issued, derive_again, derive_again_from_past, issued_bills
from services.audit.residues import unexplained
from services.kafka import Cluster, FetchedRecord, LogReader
from services.postgres import Postgres
from services.projection.filling import Progress, fold_to, settle_due
from services.projection.projection import Projection
from services.projection.target import FixedTarget


@dataclass(frozen=True, slots=True)
class Schemas:
    """The live read models, which are only read, and those that the audit fills."""

    live: str
    scratch: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """What of a partition's log is to be folded: from where the scratch schema stands to where the live one does."""

    partition: int
    start: int
    start_catalog: int
    end: int
    end_catalog: int
    #: Ranges that digests are wanted of, beside the whole stretch.
    ranges: Sequence[Range] = ()

    @property
    def records(self) -> int:
        """How many offsets it has."""
        return self.end - self.start


@dataclass(slots=True)
class Proved:
    """What came of it. `difference` is the first one, `digests` are by range of the log."""

    partition: int
    bills: int = 0
    difference: str | None = None
    unexplained: Decimal = Decimal(0)
    mark: RecordMark | None = None
    digests: dict[Range, str] = field(default_factory=dict)


class PartitionAudit:
    """Folds one stretch. It has a catalog of its own, because each partition stopped at another offset of it."""

    def __init__(
        self, postgres: Postgres, cluster: Cluster, origins: Origins, schemas: Schemas, behind: Collection[str]
    ) -> None:
        self._postgres, self._cluster, self._origins = postgres, cluster, origins
        self._schemas, self._behind = schemas, frozenset(behind)

    async def prove(self, snapshot: Any, stretch: Stretch, progress: Progress) -> Proved:
        """`snapshot` is a transaction that reads the live schema as the audit does."""
        ranges = [*stretch.ranges, (stretch.start, stretch.end)]
        proved, history = Proved(stretch.partition), History(ranges)

        def watch(records: Sequence[FetchedRecord]) -> None:
            history.take(records)
            progress(len(records))

        async with LogReader(self._cluster) as side, LogReader(self._cluster) as main:
            projection = Projection(FixedTarget(self._postgres, self._schemas.scratch), side, self._origins)
            await projection.load([stretch.partition], catalog_end=stretch.start_catalog)
            before: list[Issued] = []
            async for issued in issued_bills(snapshot, self._schemas.live, stretch.partition, stretch.start):
                at = issued.bill.positions
                if at.log < stretch.start or at.catalog < stretch.start_catalog:
                    before.append(issued)
                    continue
                await _fold(projection, main, at.log, at.catalog, watch)
                _note(proved, await derive_again(projection, issued))
            await _fold(projection, main, stretch.end, stretch.end_catalog, watch)
            await settle_due(projection, catalog_end=stretch.end_catalog)
            for issued in before:
                _note(proved, await derive_again_from_past(projection, side, issued))
            proved.mark = projection.partitions[stretch.partition].position.mark
            proved.unexplained, _ = await unexplained(
                snapshot, self._schemas.live, projection, stretch.partition, self._behind
            )
        history.reach(stretch.end)
        found = {range: history.digest(*range) for range in ranges}
        proved.digests = {range: digest for range, digest in found.items() if digest is not None}
        return proved


def _note(proved: Proved, difference: str | None) -> None:
    proved.bills += 1
    proved.difference = proved.difference or difference


async def _fold(projection: Projection, main: LogReader, end: int, catalog_end: int, watch: Any) -> None:
    """Fold up to these positions in memory; large ranges are written on the way."""
    [(partition, state)] = projection.partitions.items()
    if state.position.next_offset < end:
        await fold_to(projection, main, {partition: end}, catalog_end=projection.catalog.offset, watch=watch)
    await projection.follow(catalog_end)
