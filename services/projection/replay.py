"""Replay: every read model anew from the log, in a schema beside the live one, then swapped in.

`trueup replay` asks for it, and so does a projector that finds read models of another version. Reads go on meanwhile
from the live schema, and live projectors of its version go on filling it. All writing stops only for the last few
records: the row that names the live schema is locked, so no projector can write, and the new schema is brought up to
the log's end. The live schema cannot be ahead of that; it is not read, so its version does not matter. A running reader
keeps the old schema until its transaction ends, so the old schema is dropped only after a while.

Each partition is filled separately, several at once in processes of their own; later records are folded here.

If it is killed, either the old or the new schema is live, and complete: the swap is one statement. Leftovers are
dropped by the next replay, or by the next projector that starts.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from events.topics import CATALOG, EVENTS
from services.apart.sharing import fold_apart
from services.apart.work import Progress
from services.continuity.guard import Guard
from services.failures import ExpectedFailure, Passing, Worded
from services.kafka import Cluster, LogReader
from services.postgres import Connection, Postgres
from services.projection.filling import FILLING, Filling, NewerLogError, PartitionToFold, fold_to, settle_due
from services.projection.projection import Projection
from services.projection.schemas import FixedTarget, drop_when_unused, fresh_schema, lock_schemas, unlock_schemas
from services.readside.live import Live, OutdatedReadModelsError, move_live, read_live
from services.store.generations import load_generations

log = structlog.get_logger(__name__)

#: Most records to fold during the lock.
LAG_RECORDS = 2_000
CATCH_UP_ROUNDS = 100
#: How long the live projector may be blocked; then the swap is given up, to be tried again.
SWAP_SECONDS = 20.0
#: How long a reader may still use the old schema.
GRACE_SECONDS = 2.0

_ALIVE = "SELECT 1"


class NotCaughtUpError(Worded, ExpectedFailure, Passing):
    """the replay does not catch up: still {lag} records behind; try again under less load"""

    def __init__(self, lag: int) -> None:
        super().__init__(lag=lag)


@dataclass(frozen=True, slots=True)
class Replayed:
    """The replaced and the new schema, with the number of records and seconds."""

    schema: str
    replaced: str
    records: int
    seconds: float


async def replay(
    postgres: Postgres,
    cluster: Cluster,
    *,
    processes: int = 1,
    shared: bool = False,
    begin: Progress = lambda records: None,
    progress: Progress = lambda _: None,
) -> Replayed:
    """Rebuild and swap, with at most `processes` processes; 1 means this process alone. A `shared` replay is assisted
    by other machines. `begin` is told how many records there are, `progress` how many further records were folded.

    Raises: AlreadyRunningError, BreakError, NewerLogError, NotCaughtUpError; as `fold_apart`;
    OutdatedReadModelsError, if `trueup migrate` asked for read models of another version than this program's;
    KafkaUnreachableError, PostgresUnreachableError.
    """
    started = time.monotonic()
    async with (
        postgres.alone() as guard,
        AsyncExitStack() as resources,
        LogReader(cluster) as side,
        LogReader(cluster) as main,
    ):
        generations = await load_generations(guard)
        await lock_schemas(guard)
        resources.push_async_callback(unlock_schemas, guard)
        _check_wanted(await read_live(guard))
        await Guard(cluster, postgres.connection, generations).check()
        partitions = range(generations.partitions)
        schema = await fresh_schema(postgres)
        log.info("read_models_filling", schema=schema)
        folded = 0

        def count(records: int) -> None:
            nonlocal folded
            folded += records
            progress(records)

        parts = [PartitionToFold(*end) for end in sorted((await main.end_offsets(EVENTS, partitions)).items())]
        begin(sum(part.records for part in parts))
        filling = Filling(schema, generations.origins)
        await fold_apart(
            filling, FILLING, parts, postgres, cluster, guard, processes=processes, shared=shared, progress=count
        )
        # Taking the leases stops the processes that filled the partitions from writing any more.
        projection = Projection(FixedTarget(postgres, schema), side, generations.origins)
        await projection.load(partitions)
        replaced = None
        for _ in range(CATCH_UP_ROUNDS):
            await _catch_up(projection, main, count)
            replaced = await _swap(postgres, guard, projection, main, schema, count)
            if replaced is not None:
                break
        if replaced is None:
            raise NotCaughtUpError(await _lag(projection, main))
        log.info("read_models_swapped", live=schema, replaced=replaced, records=folded)
        await asyncio.sleep(GRACE_SECONDS)
        await drop_when_unused(guard, replaced)
    return Replayed(schema, replaced, folded, time.monotonic() - started)


def _check_wanted(live: Live) -> None:
    if not live.is_wanted:
        raise OutdatedReadModelsError(live)


async def _catch_up(projection: Projection, main: LogReader, progress: Progress) -> None:
    for _ in range(CATCH_UP_ROUNDS):
        await _fold_all(projection, main, progress)
        if await _lag(projection, main) <= LAG_RECORDS:
            return
    raise NotCaughtUpError(await _lag(projection, main))


async def _fold_all(projection: Projection, main: LogReader, progress: Progress) -> None:
    """Fold the log up to its present end, and settle all affected families. Raises: NewerLogError."""
    await fold_to(projection, main, await main.end_offsets(EVENTS, projection.partitions), progress=progress)
    await settle_due(projection)
    if projection.catalog.stopped is not None:
        raise NewerLogError(projection.catalog.stopped)


async def _lag(projection: Projection, main: LogReader) -> int:
    """The number of unfolded records of the log and the catalog."""
    ends = await main.end_offsets(EVENTS, projection.partitions)
    catalog = (await main.end_offsets(CATALOG, [0]))[0] - projection.catalog.offset
    return catalog + sum(end - projection.partitions[partition].position.next_offset for partition, end in ends.items())


async def _swap(
    postgres: Postgres, guard: Connection, projection: Projection, main: LogReader, schema: str, progress: Progress
) -> str | None:
    """Bring the new schema to the log's end under the lock, and move the live row; returns the replaced schema.

    None if it was not brought there in time; then nothing has changed.
    """
    try:
        async with asyncio.timeout(SWAP_SECONDS), postgres.transaction() as connection:
            live = await read_live(connection, "FOR UPDATE")
            _check_wanted(live)
            await _fold_all(projection, main, progress)
            # If this connection is lost, so is the lock, and another process may own the schema. The next holder of the
            # lock waits for the row.
            await guard.fetchval(_ALIVE)
            await move_live(connection, schema)
            return live.schema
    except TimeoutError:
        # Interrupted in the middle of a write: memory no longer agrees with the new schema.
        await projection.load(list(projection.partitions))
        return None
