"""`trueup replay`: every read model anew from the log, in a schema beside the live one, then swapped in.

Reads go on meanwhile from the live schema, and the live projector goes on filling it. Only for the last few records
everything stands still: the row that names the live schema is locked, so no projector can write, and the new schema is
brought up to where the live one stands. A reader that has begun keeps the old schema until its transaction ends, which
is why that one is dropped only after a while.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import structlog

from events.topics import CATALOG, EVENTS
from projections.readmodels.positions import Position
from services.audit.filling import Progress, fold_to, settle_due
from services.audit.schemas import drop_schema, fresh_schema, only_one
from services.continuity.guard import Guard
from services.failures import ExpectedFailure
from services.kafka import LogReader
from services.postgres import Postgres
from services.projection.projection import Projection
from services.projection.target import FixedTarget
from services.readside.live import use_schema
from services.readside.loading import read_positions
from services.store.generations import load_generations

log = structlog.get_logger(__name__)

#: The rest that is folded while everything stands still.
LAG_RECORDS = 2_000
CATCH_UP_ROUNDS = 100
#: How long the live projector may be kept waiting; after that the swap is given up, to be tried again.
SWAP_SECONDS = 20.0
#: How long a reader may still be at the old schema.
GRACE_SECONDS = 2.0

_LOCK_LIVE = "SELECT name FROM store.live_schema FOR UPDATE"
_LOCK_POSITIONS = "SELECT partition FROM positions ORDER BY topic, partition FOR UPDATE"
_MOVE = "UPDATE store.live_schema SET name = $1"


class NotCaughtUpError(ExpectedFailure):
    """The replay does not catch up: the log grows faster than it is folded."""

    def __init__(self, lag: int) -> None:
        super().__init__(f"the replay does not catch up: still {lag} records behind; try again under less load")


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did."""

    schema: str
    replaced: str
    records: int
    seconds: float


async def replay(
    postgres: Postgres, bootstrap: str, *, begin: Progress = lambda records: None, progress: Progress = lambda _: None
) -> Replayed:
    """Rebuild and swap. `begin` is told how many records there are, `progress` how many more are folded.

    Raises: AlreadyRunningError, BreakError, NotCaughtUpError, KafkaUnreachableError, PostgresUnreachableError.
    """
    started = time.monotonic()
    async with postgres.connection() as guard, LogReader(bootstrap) as side, LogReader(bootstrap) as main:
        await only_one(guard)
        generations = await load_generations(guard)
        await Guard(bootstrap, postgres.connection, generations).check()
        partitions = range(generations.partitions)
        schema = await fresh_schema(postgres)
        projection = Projection(FixedTarget(postgres, schema), side, generations.origins)
        await projection.load(partitions)
        folded = 0

        def count(records: int) -> None:
            nonlocal folded
            folded += records
            progress(records)

        begin(sum((await main.end_offsets(EVENTS, partitions)).values()))
        replaced = None
        for _ in range(CATCH_UP_ROUNDS):
            await _catch_up(projection, main, count)
            replaced = await _swap(postgres, projection, main, schema, count)
            if replaced is not None:
                break
        if replaced is None:
            raise NotCaughtUpError(await _lag(projection, main))
        log.info("read_models_swapped", live=schema, replaced=replaced, records=folded)
        await asyncio.sleep(GRACE_SECONDS)
        await drop_schema(guard, replaced)
    return Replayed(schema, replaced, folded, time.monotonic() - started)


async def _catch_up(projection: Projection, main: LogReader, progress: Progress) -> None:
    for _ in range(CATCH_UP_ROUNDS):
        ends = await main.end_offsets(EVENTS, projection.partitions)
        await fold_to(projection, main, ends, progress=progress)
        await settle_due(projection)
        if await _lag(projection, main) <= LAG_RECORDS:
            return
    raise NotCaughtUpError(await _lag(projection, main))


async def _lag(projection: Projection, main: LogReader) -> int:
    """Records of the log and the catalog that are not folded."""
    ends = await main.end_offsets(EVENTS, projection.partitions)
    catalog = (await main.end_offsets(CATALOG, [0]))[0] - projection.catalog.offset
    return catalog + sum(end - projection.partitions[partition].position.next_offset for partition, end in ends.items())


async def _swap(
    postgres: Postgres, projection: Projection, main: LogReader, schema: str, progress: Progress
) -> str | None:
    """Move the live row, if the new schema stands at least where the live one does; returns the replaced schema.

    None when it could not be brought there in time; then nothing has changed.
    """
    try:
        async with asyncio.timeout(SWAP_SECONDS), postgres.transaction() as connection:
            live = await connection.fetchval(_LOCK_LIVE)
            await use_schema(connection, live)
            await connection.execute(_LOCK_POSITIONS)
            wanted = await read_positions(connection, list(projection.partitions))
            ends = {
                partition: max(place.next_offset, projection.partitions[partition].position.next_offset)
                for partition, place in wanted.items()
            }
            await fold_to(projection, main, ends, progress=progress)
            await settle_due(projection)
            if not _passed(projection, wanted):
                return None
            await connection.execute(_MOVE, schema)
            return str(live)
    except TimeoutError:
        # Cut off in the middle of a write: what memory holds is no longer what the new schema holds.
        await projection.load(list(projection.partitions))
        return None


def _passed(projection: Projection, wanted: dict[int, Position]) -> bool:
    """Whether the new schema stands at or beyond the live one in every partition, of the log and of the catalog."""
    held: dict[int, Any] = {partition: state.position for partition, state in projection.partitions.items()}
    return all(
        held[partition].stored >= place.next_offset and held[partition].catalog_offset >= place.catalog_offset
        for partition, place in wanted.items()
    )
