"""The live projector: `Projection` under `services.worker.host`, written at the pace that `pace` gives."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import structlog

from events.topics import EVENTS
from services.kafka import FetchedRecord, LogReader
from services.postgres import Postgres, PostgresUnreachableError, open_postgres
from services.projector.bell import woken_when_relayed
from services.projector.pace import QUIET_S, Pace
from services.projector.projection import Projection
from services.projector.target import LiveTarget, SchemaMovedError
from services.projector.write import LeaseLostError
from services.store.continuity import check_offsets, relay_offsets
from services.store.generations import load_generations
from services.worker import ResyncError, host

T = TypeVar("T")
log = structlog.get_logger(__name__)

GROUP = "trueup-projector"
#: Records per poll.
MAX_RECORDS = 20_000
#: How often to look at the catalog, at who is due and at which read models are live, should nothing tell of a change.
IDLE_S = 5.0


class ProjectorHandler:
    """A `PartitionHandler`: loads, folds and writes the partitions that the group gives this process."""

    def __init__(self, postgres: Postgres, reader: LogReader) -> None:
        self._target = LiveTarget(postgres)
        self._reader = reader
        self.projection = Projection(self._target, reader)
        self._pace = Pace()

    async def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        if set(self.projection.partitions) <= set(partitions):
            self._target.forget()
        await self._guarded(self.projection.load(partitions))
        starts = {partition: self.projection.partitions[partition].position.next_offset for partition in partitions}
        await check_offsets(self._reader, {(EVENTS, partition): start for partition, start in starts.items()})
        return starts

    async def revoked(self, partitions: Sequence[int]) -> None:
        self.projection.drop(partitions)

    async def poll(self, batches: Mapping[int, Sequence[FetchedRecord]]) -> float:
        if any(batches.values()):
            await self._guarded(self.projection.fold(batches))
            self._pace.folded()
        cells, settled = self.projection.touched, 0
        if self._pace.due(cells, self.projection.unwritten):
            started = time.monotonic()
            settled = await self._guarded(self.projection.write())
            self._pace.wrote(cells, started)
        if self.projection.unwritten:
            return QUIET_S / 2
        return 0.0 if settled else IDLE_S  # more roots may be due

    async def _guarded(self, step: Awaitable[T]) -> T:
        """Await a step of the projection in the host's terms: what memory cannot be trusted for is loaded again."""
        try:
            return await step
        except LeaseLostError as error:
            raise ResyncError(error.partitions, str(error)) from error
        except SchemaMovedError as error:
            raise ResyncError(sorted(self.projection.partitions), str(error)) from error
        except PostgresUnreachableError as error:
            raise (error.__cause__ or error) from error


async def run_projector(
    bootstrap: str, postgres_url: str, stop: asyncio.Event, ready: Callable[[], None] | None = None
) -> None:
    """Fill the live read models until `stop` is set; `ready` is called once the first partitions are loaded.

    Raises: LogWentBackError, NotMigratedError, BrokenLogError.
    """
    async with open_postgres(postgres_url, most=5) as postgres, LogReader(bootstrap) as reader:
        async with postgres.connection() as connection:
            await load_generations(connection)
            # The relay compares the store with the tails of the log; here the ends suffice, and a restart stays quick.
            await check_offsets(reader, await relay_offsets(connection))
        handler = ProjectorHandler(postgres, reader)
        async with woken_when_relayed(postgres) as woken:
            await host(
                bootstrap,
                topic=EVENTS,
                group=GROUP,
                handler=handler,
                max_records=MAX_RECORDS,
                stop=stop,
                ready=ready,
                woken=woken,
            )
