"""`trueup audit`: proof that the live read models and every issued bill are what the log says.

In one snapshot of the live schema: its positions are noted, the log is folded up to exactly these into a scratch
schema, every row is compared by hash, every bill is derived again at its own positions, and every cent is accounted
for. It reads the live tables only to compare them.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from events.decimals import plain
from events.sources import Origins
from projections.readmodels import due
from projections.readmodels.positions import Position
from services.audit.foreign import foreign_records
from services.audit.hashes import first_difference
from services.audit.issued_bills import derive_again, issued_bills
from services.audit.residues import conservation, unexplained
from services.continuity.guard import Guard
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster, LogReader
from services.postgres import Postgres
from services.projection.filling import Progress, fold_to, settle_due
from services.projection.projection import Projection
from services.projection.schemas import drop_schema, lock_schemas, scratch_schema, unlock_schemas
from services.projection.target import FixedTarget
from services.readside.live import read_live, use_schema
from services.readside.loading import read_positions
from services.store.generations import load_generations

#: How long the projector may take to settle whoever is due.
QUIET_SECONDS = 60.0
#: How long draws and accrued lines are waited for, whose balances are there already.
BEHIND_SECONDS = 5.0
LOOK_SECONDS = 0.1

_ACCOUNTS = "SELECT count(*) FROM {schema}.account_directory"


class StillDueError(Worded, ExpectedFailure):
    """{count} accounts still wait to be settled: is the projector running?"""

    def __init__(self, count: int) -> None:
        super().__init__(count=count)


@dataclass(slots=True)
class Report:
    """What an audit found. `difference` is the first one; None when there is none."""

    events: int = 0
    accounts: int = 0
    bills: int = 0
    unexplained: Decimal = Decimal(0)
    difference: str | None = None
    #: Families whose draws and accrued lines were behind their balances, and so were not compared.
    behind: int = 0
    #: Up to where it holds: the next offset of each partition of `billing.events`.
    positions: dict[int, int] = field(default_factory=dict)
    #: Records in our topics that are none of ours and that nobody has acknowledged: where, and why.
    foreign: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything is as the log says, and the log holds nothing but what is known."""
        return self.difference is None and not self.unexplained and not self.foreign

    def last_line(self) -> str:
        """The line that an audit ends with."""
        verdict = "live == replay" if self.difference is None else "live != replay"
        money = self.unexplained
        amount = f"{money:.2f}" if money == round(money, 2) else plain(money)
        counted = f"{self.events} events, {self.accounts} accounts, {self.bills} bills"
        strangers = f", {len(self.foreign)} foreign records" if self.foreign else ""
        behind = f", {self.behind} accounts' lines behind" if self.behind else ""
        return f"audit: {counted}, {verdict}, unexplained {amount}{behind}{strangers}"


async def audit(
    postgres: Postgres, cluster: Cluster, *, begin: Progress = lambda records: None, progress: Progress = lambda _: None
) -> Report:
    """Audit the live read models. `begin` is told how many records there are, `progress` how many more are folded.

    Raises: OutdatedReadModelsError: those of another version are not what this program would fill;
    AlreadyRunningError, BreakError, StillDueError, KafkaUnreachableError, PostgresUnreachableError.
    """
    async with postgres.alone() as guard, AsyncExitStack() as held:
        (await read_live(guard)).require_current()
        await lock_schemas(guard)
        held.push_async_callback(unlock_schemas, guard)
        generations = await load_generations(guard)
        await Guard(cluster, postgres.connection, generations).check()
        partitions = range(generations.partitions)
        await _quiet(postgres, partitions)
        async with postgres.transaction(isolation="repeatable_read") as snapshot:
            live = await _current_schema(snapshot)
            if still := await snapshot.fetchval(due.COUNT_WHOLE, list(partitions)):
                raise StillDueError(still)
            behind = {row["root_id"] for row in await snapshot.fetch(due.ROOTS_BEHIND, list(partitions))}
            scratch = await scratch_schema(postgres)
            try:
                run = _Run(postgres, cluster, generations.origins, snapshot, live, scratch, behind, progress)
                return await run.audit(await read_positions(snapshot, partitions), begin)
            finally:
                await drop_schema(guard, scratch)


async def _current_schema(connection: Any) -> str:
    """The live schema, which the transaction uses from now on. Raises: OutdatedReadModelsError."""
    live = await read_live(connection)
    live.require_current()
    await use_schema(connection, live.schema)
    return live.schema


async def _quiet(postgres: Postgres, partitions: range) -> None:
    """Wait until nobody is due in the live schema; for draws and accrued lines that follow their balances, not so long:
    while usage keeps coming there are always some."""
    started = time.monotonic()
    while True:
        async with postgres.transaction() as connection:
            await _current_schema(connection)
            waiting = await connection.fetchval(due.COUNT_WHOLE, list(partitions))
            behind = await connection.fetchval(due.COUNT, list(partitions)) - waiting
        waited = time.monotonic() - started
        if not waiting and (not behind or waited > BEHIND_SECONDS):
            return
        if waited > QUIET_SECONDS:
            raise StillDueError(waiting)
        await asyncio.sleep(LOOK_SECONDS)


class _Run:
    """One audit: a snapshot of the live schema, and a scratch schema to compare it with."""

    def __init__(
        self,
        postgres: Postgres,
        cluster: Cluster,
        origins: Origins,
        snapshot: Any,
        live: str,
        scratch: str,
        behind: set[str],
        progress: Progress,
    ) -> None:
        self._postgres, self._cluster, self._origins = postgres, cluster, origins
        self._snapshot, self._live, self._scratch = snapshot, live, scratch
        self._behind, self._progress = behind, progress
        self._report = Report(behind=len(behind))

    async def audit(self, positions: Mapping[int, Position], begin: Progress) -> Report:
        report = self._report
        records = sum(place.next_offset for place in positions.values())
        report.events = records + max((place.catalog_offset for place in positions.values()), default=0)
        report.positions = {place.partition: place.next_offset for place in positions.values()}
        report.accounts = await self._snapshot.fetchval(_ACCOUNTS.format(schema=self._live))
        begin(records)
        for place in positions.values():
            await self._partition(place)
        report.unexplained += await conservation(self._snapshot, self._live)
        report.foreign = [one.told(self._cluster) for one in await foreign_records(self._snapshot, self._live)]
        async with self._postgres.transaction(isolation="repeatable_read") as other:
            schemas, partitions = (self._live, self._scratch), range(len(positions))
            found = await first_difference(self._snapshot, other, *schemas, partitions, self._behind)
        if found is not None:
            report.difference = str(found)
        return report

    async def _partition(self, place: Position) -> None:
        """Fold one partition to where the live schema stands, stopping where its bills were settled.

        Every partition follows a catalog of its own, because each stopped at another offset of it.
        """
        partition = place.partition
        async with LogReader(self._cluster) as side, LogReader(self._cluster) as main:
            projection = Projection(FixedTarget(self._postgres, self._scratch), side, self._origins)
            await projection.load([partition], catalog_end=0)
            async for issued in issued_bills(self._snapshot, self._live, partition):
                at = issued.bill.positions
                await self._fold(projection, main, at.log, at.catalog)
                differs = await derive_again(projection, issued)
                self._report.bills += 1
                self._report.difference = self._report.difference or differs
            await self._fold(projection, main, place.next_offset, place.catalog_offset)
            await settle_due(projection, catalog_end=place.catalog_offset)
            residue, _ = await unexplained(self._snapshot, self._live, projection, partition, self._behind)
            self._report.unexplained += residue

    async def _fold(self, projection: Projection, main: LogReader, end: int, catalog_end: int) -> None:
        """Fold up to these positions in memory; large ranges are written on the way."""
        partition = next(iter(projection.partitions))
        if projection.partitions[partition].position.next_offset < end:
            held = projection.catalog.offset
            await fold_to(projection, main, {partition: end}, catalog_end=held, progress=self._progress)
        await projection.follow(catalog_end)
