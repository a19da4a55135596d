"""The audit: a proof that the live read models and every issued bill follow from the log.

All in one snapshot of the live schema: its positions are read, the log is folded up to exactly these into a scratch
schema, every row is compared by hash, every bill is derived again at its own positions, and all money is accounted for.
The live tables are read only to compare them.

The fold begins at the beginning of the log, or at a checkpoint: then the scratch schema starts with the rows that an
earlier audit has proved, and only bills issued since are derived. An audit that passes is kept as a checkpoint, if
there is a key to sign it.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from projections.readmodels import due
from services.apart.sharing import fold_apart
from services.apart.work import Progress
from services.audit.beginning import begin_at_checkpoint
from services.audit.checkpoint import Checkpoint, Seal, keep
from services.audit.conservation import sum_of_residues
from services.audit.foreign import foreign_records
from services.audit.hashes import StaleRoots, digest_of, first_difference
from services.audit.partition_audit import PARTITION_AUDIT, PartitionAudit, PartitionProved, Schemas, Stretch
from services.audit.proving import AuditPlan, checkpoint_of, earlier_checkpoints, other_history, plan_of
from services.audit.report import Report
from services.continuity.guard import Guard
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster
from services.postgres import Connection, Postgres
from services.projection.schemas import drop_when_unused, fresh_schema, lock_schemas, unlock_schemas
from services.readside.live import read_live, use_schema
from services.readside.loading import read_positions
from services.signatures import NoSecretError
from services.store.generations import Generations, load_generations

#: How long to wait, in seconds, until the projector has settled all accounts that are due.
QUIET_SECONDS = 60.0
#: How long to wait, in seconds, for draws and accrued lines that are older than their balances.
BEHIND_SECONDS = 5.0
LOOK_SECONDS = 0.1

#: Exports the snapshot of this transaction: other connections may read in it while the transaction lasts.
_SHARE = "SELECT pg_export_snapshot()"
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
    processes: int = 1,
    shared: bool = False,
    begin: Progress = lambda records: None,
    progress: Progress = lambda _: None,
) -> Report:
    """Audit the live read models in at most `processes` processes; 1 is this one alone. A `shared` audit is assisted by
    other machines. `begin` is called with the number of records to fold, `progress` with the number of records that
    were folded since its last call.

    `from_checkpoint`: begin at the newest checkpoint, if it is valid. With a `seal`, an audit that passes is kept as a
    checkpoint.

    Raises: OutdatedReadModelsError if the read models are of another version than this program; NoSecretError for
    `from_checkpoint` without a `seal`; AlreadyRunningError, BreakError, StillDueError; as `fold_apart`;
    KafkaUnreachableError, PostgresUnreachableError.
    """
    if from_checkpoint and seal is None:
        raise NoSecretError
    async with postgres.alone() as guard, AsyncExitStack() as locks:
        (await read_live(guard)).require_current()
        generations = await load_generations(guard)
        await lock_schemas(guard)
        locks.push_async_callback(unlock_schemas, guard)
        await Guard(cluster, postgres.connection, generations).check()
        partitions = range(generations.partitions)
        await _quiet(postgres, partitions)
        async with postgres.transaction("repeatable_read", patient=True) as snapshot:
            live = await _current_schema(snapshot)
            if still := await snapshot.fetchval(due.COUNT_WHOLE, list(partitions)):
                raise StillDueError(still)
            schemas = Schemas(live, await fresh_schema(postgres))
            try:
                run = _Run(postgres, cluster, generations, schemas, guard, snapshot, seal, processes, shared)
                report, checkpoint = await run.audit(from_checkpoint, begin, progress)
                if seal is None or checkpoint is None:
                    return report
                await keep(guard, cluster, seal, checkpoint, schemas.scratch)
                return replace(report, kept=checkpoint.number)
            finally:
                await drop_when_unused(guard, schemas.scratch)


async def _current_schema(connection: Any) -> str:
    """The live schema, which the transaction uses from now on. Raises: OutdatedReadModelsError."""
    live = await read_live(connection)
    live.require_current()
    await use_schema(connection, live.schema)
    return live.schema


async def _quiet(postgres: Postgres, partitions: range) -> None:
    """Wait until no account is due in the live schema. For draws and accrued lines, which follow their balances, wait
    only BEHIND_SECONDS: while usage keeps coming some are always older.

    Raises: StillDueError after QUIET_SECONDS.
    """
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


@dataclass(frozen=True, slots=True)
class _Run:
    """One audit: a snapshot of the live schema, and a scratch schema to compare it with. `guard` holds the lock."""

    postgres: Postgres
    cluster: Cluster
    generations: Generations
    schemas: Schemas
    guard: Connection
    snapshot: Any
    seal: Seal | None
    processes: int
    shared: bool

    async def audit(
        self, from_checkpoint: bool, begin: Progress, progress: Progress
    ) -> tuple[Report, Checkpoint | None]:
        """The result, and the checkpoint to keep; None if the audit failed or there is no seal."""
        live, scratch = self.schemas.live, self.schemas.scratch
        partitions = range(self.generations.partitions)
        plan = await self._plan(from_checkpoint)
        begin(sum(stretch.records for stretch in plan.stretches))
        behind = await self._behind(partitions)
        proved = await self._prove(plan.stretches, behind.lines, progress)
        foreign = await foreign_records(self.snapshot, live)
        async with self.postgres.transaction("repeatable_read", patient=True) as other:
            row = await first_difference(self.snapshot, other, live, scratch, partitions, behind)
            bill = next((part.difference for part in proved if part.difference is not None), None)
            report = Report(
                events=plan.events,
                accounts=await self.snapshot.fetchval(_ACCOUNTS.format(schema=live)),
                bills=sum(part.bills for part in proved),
                unexplained=sum((part.unexplained for part in proved), await sum_of_residues(self.snapshot)),
                difference=other_history(self.cluster, plan.earlier, proved) or (str(row) if row else bill),
                behind=len(behind.lines),
                positions={stretch.partition: stretch.end for stretch in plan.stretches},
                foreign=tuple(record.told(self.cluster) for record in foreign),
                since=None if plan.begun is None else plan.begun.number,
                refused=plan.refused,
            )
            if self.seal is None or not report.passed:
                return report, None
            state = await digest_of(other, scratch)
        async with self.postgres.connection() as connection:
            return report, await checkpoint_of(
                connection, self.cluster, self.seal, self.generations, plan.stretches, proved, state
            )

    async def _behind(self, partitions: range) -> StaleRoots:
        rows = await self.snapshot.fetch(due.ROOTS_BEHIND, list(partitions))
        return StaleRoots(
            lines=frozenset(row["root_id"] for row in rows if not row["has_lines"]),
            outlooks=frozenset(row["root_id"] for row in rows),
        )

    async def _prove(
        self, stretches: Sequence[Stretch], behind: frozenset[str], progress: Progress
    ) -> list[PartitionProved]:
        """The result of each partition; they are folded in as many processes as their records are worth."""
        snapshot = await self.snapshot.fetchval(_SHARE)
        work = PartitionAudit(self.generations.origins, self.schemas, behind, snapshot)
        return await fold_apart(
            work,
            PARTITION_AUDIT,
            stretches,
            self.postgres,
            self.cluster,
            self.guard,
            processes=self.processes,
            shared=self.shared,
            progress=progress,
        )

    async def _plan(self, from_checkpoint: bool) -> AuditPlan:
        """The stretches to fold: from a valid checkpoint if that is wanted, else from the beginning."""
        positions = await read_positions(self.snapshot, range(self.generations.partitions))
        if self.seal is None:
            return plan_of(positions)
        refused = None
        if from_checkpoint:
            begun = await begin_at_checkpoint(
                self.postgres, self.cluster, self.seal, self.generations, positions, self.schemas.scratch
            )
            if isinstance(begun, Checkpoint):
                return plan_of(positions, begun)
            refused = begun
        earlier = await earlier_checkpoints(self.cluster, self.seal, self.generations)
        return plan_of(positions, earlier=earlier, refused=refused)
