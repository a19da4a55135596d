"""The live projector: `Projection` under `services.worker.host.host`, written as often as `Pace` says.

Postgres wakes it when the relay has published: a change of the catalog brings no record to its partitions. While that
connection is lost nobody is woken; once there is a new one everything is looked at, and now and then in any case.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import click
import structlog

from events.sources import Origins
from events.topics import EVENTS
from services.continuity.check import check_ends
from services.continuity.guard import Guard, guarded
from services.continuity.memory import Known
from services.failures import BeginAnewError
from services.kafka import Cluster, LogReader, Polled
from services.outage import until_stopped
from services.postgres import Postgres, PostgresUnreachableError, Role, connected, open_postgres
from services.projection.projection import Projection
from services.projection.replay import replay
from services.projection.schemas import AlreadyRunningError, LiveTarget, SchemaMovedError, drop_leftovers
from services.projection.write import LeaseLostError
from services.projector.pace import QUIET_S, Pace
from services.projector.showing import Followed, show_write
from services.projector.slices import Slices
from services.readside.live import OutdatedReadModelsError
from services.run.process import Process, run_process
from services.sight.pulse import PULSE
from services.store.events import RELAYED
from services.store.generations import load_generations
from services.worker.host import ResyncError, host
from services.worker.versions import when_current

T = TypeVar("T")
log = structlog.get_logger(__name__)

GROUP = "trueup-projector"
#: Records per poll.
MAX_RECORDS = 20_000
#: How often to look at the catalog, at who is due and at which read models are live, should nothing tell of a change.
IDLE_S = 5.0
#: As many as a replay needs.
CONNECTIONS = 6
#: How long until the next attempt to be told of what the relay publishes, once the connection for it is lost.
AGAIN_SECONDS = 1.0


class ProjectorHandler:
    """A `PartitionHandler`: loads, folds and writes the partitions that the group gives this process."""

    def __init__(self, postgres: Postgres, reader: LogReader, origins: Origins) -> None:
        self._target = LiveTarget(postgres)
        self._reader = reader
        self.projection = Projection(self._target, reader, origins)
        self._pace, self._slices, self._followed = Pace(), Slices(), Followed()

    async def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        self._followed.forget(partitions)
        if set(self.projection.partitions) <= set(partitions):
            self._target.forget()
        await self._guarded(self.projection.load(partitions))
        starts = {partition: self.projection.partitions[partition].position.next_offset for partition in partitions}
        await check_ends(self._reader, [Known(EVENTS, partition, start, None) for partition, start in starts.items()])
        return starts

    async def revoked(self, partitions: Sequence[int]) -> None:
        self.projection.drop(partitions)
        self._slices.forget(partitions)
        self._followed.forget(partitions)

    @property
    def stopped(self) -> Mapping[int, str]:
        return self.projection.stopped

    async def poll(self, polled: Mapping[int, Polled]) -> float:
        PULSE.away("catalog", self.projection.catalog.stopped)
        if polled:
            await self._guarded(self.projection.fold(polled))
            self._followed.folded(polled)
            self._pace.folded()
            self._slices.folded(polled)
        unwritten = self.projection.unwritten_records
        if not unwritten and not self._pace.is_quiet and not self.projection.has_more_due:
            return QUIET_S  # more is about to come, and what is left may wait for it
        records, per_second = sum(unwritten.values()), self._slices.per_second(unwritten)
        if self._pace.due(records, per_second):
            await self._write(self._pace.is_quiet)
        if left := sum(self.projection.unwritten_records.values()):
            return self._pace.wait(left, per_second)
        if self.projection.has_more_due:
            return 0.0
        return QUIET_S if self.projection.is_behind else IDLE_S

    async def _write(self, quiet: bool) -> None:
        totals, records = self.projection.unwritten_totals, self.projection.unwritten_records
        chosen = list(totals) if quiet else self._slices.next(totals)
        started = time.monotonic()
        # In quiet all are written, those too that the catalog, which is followed now, gives something to write.
        settled = await self._guarded(self.projection.write(quiet=quiet, only=None if quiet else chosen))
        aside = self.projection.aside_seconds
        self._pace.wrote(started, aside)
        seconds = time.monotonic() - started
        self._slices.wrote({one: totals[one] for one in chosen}, seconds - aside)
        written = sum(records.get(one, 0) for one in chosen)
        show_write(written, settled, seconds, self.projection.settle_seconds)
        self._followed.written(chosen, written, settled)

    async def _guarded(self, step: Awaitable[T]) -> T:
        """Await a step of the projection in the host's terms: what memory cannot be trusted for is loaded again."""
        try:
            return await step
        except LeaseLostError as error:
            raise ResyncError(error.partitions, str(error)) from error
        except OutdatedReadModelsError as error:
            raise BeginAnewError(str(error)) from error
        except SchemaMovedError as error:
            raise ResyncError(sorted(self.projection.partitions), str(error)) from error


async def run_projector(
    cluster: Cluster, postgres_url: str, stop: asyncio.Event, ready: Callable[[], None] | None = None
) -> None:
    """Fill the live read models until `stop` is set; `ready` is called once the first partitions are loaded.

    Read models of another version are replaced first, by new ones that this process or another fills beside them;
    `ready` is called before.

    Raises: LogWentBackError, NotMigratedError, BrokenLogError, NewerLogError; what passes by itself is waited out.
    """
    await until_stopped(stop, "projector_begins_anew", lambda: _project(cluster, postgres_url, stop, ready))


async def _fill(postgres: Postgres, cluster: Cluster) -> bool:
    """Fill read models of this version and make them live; False: another process works on schemas."""
    try:
        await replay(postgres, cluster)
    except AlreadyRunningError:
        return False
    return True


async def _project(cluster: Cluster, postgres_url: str, stop: asyncio.Event, ready: Callable[[], None] | None) -> None:
    async with (
        open_postgres(postgres_url, role=Role.PROJECTOR, most=CONNECTIONS) as postgres,
        LogReader(cluster) as reader,
    ):
        async with postgres.connection() as connection:
            generations = await load_generations(connection)
        guard = Guard(cluster, postgres.connection, generations)
        await guard.check()
        await drop_leftovers(postgres)
        handler = ProjectorHandler(postgres, reader, generations.origins)
        woken = asyncio.Event()
        work = partial(
            host,
            cluster,
            topic=EVENTS,
            group=GROUP,
            handler=handler,
            max_records=MAX_RECORDS,
            stop=stop,
            ready=ready,
            woken=woken,
        )
        working = when_current(postgres, stop, work, ready, partial(_fill, postgres, cluster))
        await guarded(guard, working, ring_when_relayed(postgres_url, woken))


async def ring_when_relayed(postgres_url: str, woken: asyncio.Event) -> None:
    """Set the event whenever the relay has published, until cancelled."""
    while True:
        try:
            async with connected(postgres_url, Role.PROJECTOR) as connection:
                await connection.add_listener(RELAYED, lambda *_: woken.set())
                woken.set()  # what was published before
                closed = asyncio.Event()
                connection.tell_when_closed(closed)
                await closed.wait()
        except PostgresUnreachableError as error:
            log.debug("not_woken_meanwhile", error=str(error))  # the worker says what the outage means to it
        await asyncio.sleep(AGAIN_SECONDS)


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path), help="Written once the projector runs.")
def projector(ready_file: Path | None) -> None:
    """Fill the read models from the log, until stopped. Run as many as there are partitions."""
    run_process(_body, ready_file, seen_as="projector")


async def _body(process: Process) -> None:
    endpoints = process.endpoints
    await run_projector(endpoints.kafka, endpoints.database_url, process.stop, process.ready)
