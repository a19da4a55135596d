"""The projector's partitions: `Projection` under `services.worker.host.host`, written as often as `Pace` says."""

import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

from events.sources import Origins
from events.topics import EVENTS
from services.continuity.check import check_ends
from services.continuity.memory import Known
from services.failures import BeginAnewError
from services.kafka import LogReader, Polled
from services.postgres import Postgres
from services.projection.projection import Projection
from services.projection.schemas import LiveTarget, SchemaMovedError
from services.projection.write import LeaseLostError
from services.projector.pace import QUIET_S, Pace, Rounds
from services.projector.showing import Followed, show_write
from services.readside.live import OutdatedReadModelsError
from services.sight.pulse import PULSE
from services.worker.host import ResyncError

T = TypeVar("T")

#: How often to look at the catalog, at who is due and at which read models are live, should nothing tell of a change.
IDLE_S = 5.0


class ProjectorHandler:
    """A `PartitionHandler`: loads, folds and writes the partitions that the group gives this process."""

    def __init__(self, postgres: Postgres, reader: LogReader, origins: Origins) -> None:
        self._target = LiveTarget(postgres)
        self._reader = reader
        self.projection = Projection(self._target, reader, origins)
        self._pace, self._rounds, self._followed = Pace(), Rounds(), Followed()

    async def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        self._rounds.forget(partitions)
        self._followed.forget(partitions)
        if set(self.projection.partitions) <= set(partitions):
            self._target.forget()
        await self._guarded(self.projection.load(partitions))
        starts = {partition: self.projection.partitions[partition].position.next_offset for partition in partitions}
        await check_ends(self._reader, [Known(EVENTS, partition, start, None) for partition, start in starts.items()])
        return starts

    async def revoked(self, partitions: Sequence[int]) -> None:
        self.projection.drop(partitions)
        self._rounds.forget(partitions)
        self._followed.forget(partitions)

    @property
    def stopped(self) -> Mapping[int, str]:
        return self.projection.stopped

    async def poll(self, polled: Mapping[int, Polled]) -> float:
        PULSE.away("catalog", self.projection.catalog.stopped)
        if polled:
            await self._guarded(self.projection.fold(polled))
            self._followed.folded(polled)
            self._pace.folded(sum(len(batch.records) for batch in polled.values()))
            self._rounds.folded(polled)
        unwritten = self.projection.unwritten_records
        if not unwritten and not self._pace.is_quiet and not self.projection.has_more_due:
            return QUIET_S  # more is about to come, and what is left may wait for it
        if self._pace.due(sum(unwritten.values()), self._rounds.waited(unwritten)):
            await self._write(self._pace.is_quiet)
        if left := self.projection.unwritten_records:
            return self._pace.wait(sum(left.values()), self._rounds.waited(left))
        if self.projection.has_more_due:
            return 0.0
        return QUIET_S if self.projection.is_behind else IDLE_S

    async def _write(self, quiet: bool) -> None:
        totals, records = self.projection.unwritten_totals, self.projection.unwritten_records
        chosen = list(totals) if quiet else self._rounds.next(totals)
        started = time.monotonic()
        # In quiet all are written, those too that the catalog, which is followed now, gives something to write.
        settled = await self._guarded(self.projection.write(quiet=quiet, only=None if quiet else chosen))
        aside = self.projection.aside_seconds
        self._pace.wrote(started, aside)
        seconds = time.monotonic() - started
        self._rounds.wrote({partition: totals[partition] for partition in chosen}, seconds - aside)
        written = sum(records.get(partition, 0) for partition in chosen)
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
