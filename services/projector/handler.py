"""The projector's partitions: a `Projection` hosted by `services.worker.host.host`, written as often as `Pace` says,
with metrics and traces of each transaction.
"""

import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
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
from services.projector.write_pace import QUIET_S, Pace, Rounds
from services.readside.live import OutdatedReadModelsError
from services.sight.metrics import SETTLE, SETTLED, WRITE, WRITE_RECORDS
from services.sight.pulse import PULSE
from services.sight.traceparent import Traced
from services.sight.tracing import TRACES, traced_log
from services.worker.host import ResyncError

T = TypeVar("T")

#: Seconds between checks of the catalog, of due roots and of the live schema, in case no notification comes.
IDLE_S = 5.0


def show_write(records: int, settled: int, seconds: float, settle_seconds: float) -> None:
    """Log a transaction, which took this many records of the log and settled this many families; an empty one is not
    logged.
    """
    if not records and not settled:
        return
    WRITE.observe(seconds)
    SETTLE.observe(settle_seconds)
    WRITE_RECORDS.observe(records)
    SETTLED.inc(settled)


class Followed:
    """Traced usage that no transaction has written yet; None while tracing is off."""

    def __init__(self) -> None:
        #: By partition, poll by poll.
        self._polls: dict[int, list[Traced]] = {}

    def folded(self, polled: Mapping[int, Polled]) -> None:
        """Note that these records were folded into memory."""
        if not TRACES.on:
            return
        for partition, batch in polled.items():
            if (traced := traced_log(batch.records)).contexts:
                self._polls.setdefault(partition, []).append(traced)

    def forget(self, partitions: Iterable[int]) -> None:
        """Forget these partitions: their records are read again, here or elsewhere."""
        for partition in partitions:
            self._polls.pop(partition, None)

    def written(self, partitions: Iterable[int], records: int, settled: int) -> None:
        """Note that these partitions were written: a transaction of this many records, which settled this many
        families.
        """
        for partition in partitions:
            polls = self._polls.pop(partition, [])
            if not polls:
                continue
            contexts = dict(pair for poll in polls for pair in poll.contexts.items())
            attributes: dict[str, str | int] = {
                "messaging.destination.name": EVENTS,
                "messaging.destination.partition.id": str(partition),
                "trueup.records": records,
                "trueup.settled": settled,
            }
            TRACES.batch("project usage", Traced(contexts, polls[0].begun_ns), attributes)


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
        # Kafka first: who cannot reach it must not take the lease from a worker that can.
        await self._reader.end_offsets(EVENTS, partitions)
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
            return QUIET_S  # more is about to come, and the rest may wait for it
        if self._pace.due(sum(unwritten.values()), self._rounds.waited(unwritten)):
            await self._write(self._pace.is_quiet)
        if left := self.projection.unwritten_records:
            return self._pace.wait(sum(left.values()), self._rounds.waited(left))
        if self.projection.has_more_due:
            return 0.0
        return QUIET_S if self.projection.is_behind else IDLE_S

    async def _write(self, quiet: bool) -> None:
        work, records = self.projection.unwritten_work, self.projection.unwritten_records
        chosen = list(work) if quiet else self._rounds.next(work)
        started = time.monotonic()
        # In quiet times all partitions are written, also those for which following the catalog now brings something to
        # write.
        settled = await self._guarded(self.projection.write(quiet=quiet, only=None if quiet else chosen))
        turns = self.projection.turns
        self._pace.wrote(started, turns.aside_seconds)
        seconds = time.monotonic() - started
        # Those who were left over are of any partition, and tell nothing of what these ones cost.
        own_seconds = seconds - turns.aside_seconds - turns.left_over_seconds
        self._rounds.wrote({partition: work[partition] for partition in chosen}, own_seconds)
        written = sum(records.get(partition, 0) for partition in chosen)
        show_write(written, settled, seconds, turns.settle_seconds)
        self._followed.written(chosen, written, settled)

    async def _guarded(self, step: Awaitable[T]) -> T:
        """Await a step of the projection, and turn its errors into the host's: partitions whose memory is doubtful are
        loaded again.
        """
        try:
            return await step
        except LeaseLostError as error:
            raise ResyncError(error.partitions, str(error)) from error
        except OutdatedReadModelsError as error:
            raise BeginAnewError(str(error)) from error
        except SchemaMovedError as error:
            raise ResyncError(sorted(self.projection.partitions), str(error)) from error
