"""`trueup audit`: proof that the live read models and every issued bill are what the log says.

In one snapshot of the live schema: its positions are noted, the log is folded up to exactly these into a scratch
schema, every row is compared by hash, every bill is derived again at its own positions, and every cent is accounted
for. It reads the live tables only to compare them.

It folds from the beginning, or from a checkpoint: then the scratch schema begins with what an earlier audit has
proved, and the bills are those that were issued since. What passes is kept as a checkpoint, if there is a key for it.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from projections.readmodels import due
from services.audit.beginning import Beginning, begin_at_checkpoint
from services.audit.checkpoint import Checkpoint, NoSecretError, Seal
from services.audit.foreign import foreign_records
from services.audit.hashes import digest_of, first_difference
from services.audit.keeping import keep
from services.audit.partition import PartitionAudit, Proved, Schemas, Stretch
from services.audit.proving import checkpoint_of, earlier_checkpoints, other_history, stretches_of
from services.audit.report import Report
from services.audit.residues import conservation
from services.continuity.guard import Guard
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster
from services.postgres import Postgres
from services.projection.filling import Progress
from services.projection.schemas import drop_schema, lock_schemas, scratch_schema, unlock_schemas
from services.readside.live import read_live, use_schema
from services.readside.loading import read_positions
from services.store.generations import Generations, load_generations

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


async def audit(
    postgres: Postgres,
    cluster: Cluster,
    *,
    seal: Seal | None = None,
    from_checkpoint: bool = False,
    begin: Progress = lambda records: None,
    progress: Progress = lambda _: None,
) -> Report:
    """Audit the live read models. `begin` is told how many records there are, `progress` how many more are folded.

    `from_checkpoint`: from the last one on, if it holds. With a `seal`, what passes is kept as a checkpoint.
    Raises: OutdatedReadModelsError: those of another version are not what this program would fill; NoSecretError;
    AlreadyRunningError, BreakError, StillDueError, KafkaUnreachableError, PostgresUnreachableError.
    """
    if from_checkpoint and seal is None:
        raise NoSecretError
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
            schemas = Schemas(live, await scratch_schema(postgres))
            try:
                run = _Run(postgres, cluster, generations, schemas, snapshot, seal)
                checkpoint = await run.audit(from_checkpoint, begin, progress)
                if seal is not None and checkpoint is not None:
                    await keep(guard, cluster, seal, checkpoint, schemas.scratch)
                    run.report.kept = checkpoint.number
                return run.report
            finally:
                await drop_schema(guard, schemas.scratch)


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
        generations: Generations,
        schemas: Schemas,
        snapshot: Any,
        seal: Seal | None,
    ) -> None:
        self._postgres, self._cluster, self._generations = postgres, cluster, generations
        self._schemas, self._snapshot, self._seal = schemas, snapshot, seal
        self.report = Report()

    async def audit(self, from_checkpoint: bool, begin: Progress, progress: Progress) -> Checkpoint | None:
        """Fills the report. Returns what was proved, if it passed and can be signed."""
        partitions = range(self._generations.partitions)
        behind = {row["root_id"] for row in await self._snapshot.fetch(due.ROOTS_BEHIND, list(partitions))}
        stretches, earlier = await self._plan(from_checkpoint)
        begin(sum(one.records for one in stretches))
        report, (live, scratch) = self.report, (self._schemas.live, self._schemas.scratch)
        report.behind = len(behind)
        report.accounts = await self._snapshot.fetchval(_ACCOUNTS.format(schema=live))
        audited = PartitionAudit(self._postgres, self._cluster, self._generations.origins, self._schemas, behind)
        proved = [await audited.prove(self._snapshot, stretch, progress) for stretch in stretches]
        for one in proved:
            report.add(one)
        report.unexplained += await conservation(self._snapshot, live)
        report.foreign = [one.told(self._cluster) for one in await foreign_records(self._snapshot, live)]
        async with self._postgres.transaction(isolation="repeatable_read") as other:
            found = await first_difference(self._snapshot, other, live, scratch, partitions, behind)
            if found is not None:
                report.difference = str(found)
            changed = other_history(self._cluster, earlier, proved)
            report.difference = changed or report.difference
            if self._seal is None or not report.passed:
                return None
            state = await digest_of(other, scratch)
        return await self._proved(self._seal, stretches, proved, state)

    async def _plan(self, from_checkpoint: bool) -> tuple[list[Stretch], list[Checkpoint]]:
        """What is to be folded, from a checkpoint if one holds, and the earlier ones, if all of it is."""
        positions = await read_positions(self._snapshot, range(self._generations.partitions))
        seal, beginning = self._seal, Beginning()
        if seal is not None and from_checkpoint:
            scratch = self._schemas.scratch
            beginning = await begin_at_checkpoint(
                self._postgres, self._cluster, seal, self._generations, positions, scratch
            )
        begun, earlier = beginning.checkpoint, list[Checkpoint]()
        if seal is not None and begun is None:
            earlier = await earlier_checkpoints(self._cluster, seal, self._generations)
        stretches = stretches_of(positions, begun, earlier)
        self.report.since = None if begun is None else begun.number
        self.report.refused = beginning.refused
        catalog = max((one.end_catalog for one in stretches), default=0) - (begun.catalog_offset if begun else 0)
        self.report.events = sum(one.records for one in stretches) + catalog
        return stretches, earlier

    async def _proved(
        self, seal: Seal, stretches: Sequence[Stretch], proved: Sequence[Proved], state: str
    ) -> Checkpoint:
        async with self._postgres.connection() as connection:
            return await checkpoint_of(connection, self._cluster, seal, self._generations, stretches, proved, state)
