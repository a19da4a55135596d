"""The ingest worker's partitions: loaded from the log, polled, written. The judging of records is in `batch`.

Order of a poll, and why: 1. commands (`catalogs`): the catalog includes every command that was acknowledged before this
usage was sent; 2. judge and rate in memory (`batch`); 3. refused and re-routed records are written and acknowledged, of
all partitions; 4. `UsageRated` records and then `UsageRead` are appended to `billing.events`. 3 and 4 go on while the
next polls are at 1 and 2; their own 3 waits for them. So nothing is ever appended past an unacknowledged record, and
after any failure the memory of all these polls is dropped. A crash before 4 leaves no trace in the log: the poll is
judged again, and 3 is repeated without harm. A crash within 4 leaves the first records of the poll: the next worker
resumes after the last of them. Step 3 is done for the whole poll by then, so refused records between two accepted ones
are already written. If 3 came after 4, a crash between them would lose a refused record before the last accepted one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import structlog

from events.codec import UndecodableRecordError
from events.topics import EVENTS, USAGE, USAGE_REJECTED, home_of
from services.continuity.check import check_ends, check_records, check_unread
from services.continuity.memory import Known
from services.ingest.batch import PollOutcome, Settling, finish, parts_of, settle_part
from services.ingest.catalogs import CommandGate
from services.ingest.partition import PartitionState, gaps
from services.ingest.sealing import SealerFinder
from services.ingest.showing import show, writing
from services.ingest.snapshot import load_snapshots
from services.kafka import Appended, BatchWriter, LogReader, Polled, Record
from services.postgres import Postgres
from services.sight.tracing import traced_poll
from services.store.generations import Generations
from services.worker.host import ResyncError

log = structlog.get_logger(__name__)

#: Polls that may be on their way to Kafka while the next poll is judged. With only one, judging would wait for
#: acknowledgements.
AHEAD = 2
#: Seconds until the first check whether writing has finished, and between checks while nothing is being written.
WRITING_S = 0.05
IDLE_S = 30.0


class IngestHandler:
    """`services.worker.host.PartitionHandler` over `usage`; calls `refused` when `usage.rejected` may have new records.

    It owns neither reader nor writer: their creators close them.
    """

    def __init__(
        self, postgres: Postgres, gate: CommandGate, reader: LogReader, writer: BatchWriter,
        generations: Generations, refused: Callable[[], None], sealers: SealerFinder,
    ) -> None:  # fmt: skip
        self._postgres = postgres
        self._gate = gate
        self._reader = reader
        self._writer, self._generations, self._refused, self._sealers = writer, generations, refused, sealers
        self._stopped: dict[int, str] = {}
        self._states: dict[int, PartitionState] = {}
        #: The tasks that write the last polls, oldest first; each starts after the one before it has succeeded.
        self._writing: deque[asyncio.Task[None]] = deque()
        #: Dispositions since the start of this process.
        self.counts = {"rated": 0, "duplicate": 0, "rejected": 0, "rerouted": 0}

    @property
    def stopped(self) -> Mapping[int, str]:
        """Partitions whose log holds usage of a newer program, which this program cannot count."""
        return self._stopped

    async def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Load the projector's snapshot of each partition and fold the log from there to its end.

        Raises: LogWentBackError, UsageLostError, which end the process: sequences went back, or usage was deleted
        before it was read.
        """
        await self.abandon()
        await self._writer.reset()
        for partition in partitions:
            self._states.pop(partition, None)
            self._stopped.pop(partition, None)
        await self._pass_commands()
        loaded = {}
        for state in await self._snapshots(partitions):
            try:
                await self._fold_to_end(state)
            except UndecodableRecordError as error:
                self._stopped[state.partition] = (
                    f"{self._reader.cluster.topic(EVENTS)}/{state.home} at offset {state.position}: {error}"
                )
            else:
                loaded[state.partition] = state
        await self._check_usage(loaded)
        self._states |= loaded
        self._refused()
        return {partition: state.next_usage for partition, state in loaded.items()}

    async def _snapshots(self, partitions: Sequence[int]) -> list[PartitionState]:
        made = self._generations
        homes = {partition: home_of(partition, made.partitions) for partition in partitions}
        snapshots = await load_snapshots(self._postgres, homes)
        return [
            PartitionState(partition, home, made.usage, made.origins, snapshots[partition], made.begin_of(partition))
            for partition, home in homes.items()
        ]

    async def _check_usage(self, states: Mapping[int, PartitionState]) -> None:
        """Check that the next offset is not before the last one read, and that no usage between them was deleted."""
        positions = [Known(USAGE, partition, state.next_usage, state.mark) for partition, state in states.items()]
        await check_unread(self._reader, positions)
        await check_ends(self._reader, positions)
        await check_records(self._reader, positions)

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Forget the partitions; once the last poll is written, everything that counts is in the log."""
        await self.abandon()
        for partition in partitions:
            self._states.pop(partition, None)

    async def poll(self, polled: Mapping[int, Polled]) -> float:
        """Settle the next records of some partitions, and write them after the polls before.

        Without records but with a next offset, only ends of transactions were read. That is written, too; otherwise a
        wait for all of `usage` would wait for a record behind them.

        Raises: errors of writing an earlier poll. Memory is then ahead of the log, so every partition must be assigned
        again, as ResyncError demands and as the loop does after any other error.
        """
        if not polled:
            await self._written(0)
            return IDLE_S
        await self._pass_commands()
        outcomes = {partition: await self._settle(poll, self._states[partition]) for partition, poll in polled.items()}
        await self._written(AHEAD - 1)
        before = self._writing[-1] if self._writing else None
        self._writing.append(asyncio.create_task(self._write(outcomes, before)))
        return WRITING_S

    async def abandon(self) -> None:
        """Wait for the end of running writes, successful or not; the log tells what they wrote."""
        writing, self._writing = self._writing, deque()
        if writing:
            await asyncio.wait(writing)
        for error in {task.exception() for task in writing if not task.cancelled()} - {None}:
            log.warning("poll_abandoned", error=f"{type(error).__name__}: {error}")

    async def _settle(self, polled: Polled, state: PartitionState) -> PollOutcome:
        records = polled.records
        most, traced = self._generations.record_bytes, traced_poll(records)
        settling = Settling(state.partition, state.home, polled.next_offset, most, traced)
        for part in parts_of(records):
            await self._sealers.find(part, state.partition, self._gate.catalogs)
            settle_part(part, state, self._gate.catalogs, settling)
            await asyncio.sleep(0)  # what writes the poll before, and the consumer's heartbeats, share this loop
        return finish(records[-1] if records else None, state, settling)

    async def _written(self, most: int) -> None:
        """Wait until at most `count` polls are being written."""
        while len(self._writing) > most:
            try:
                await self._writing.popleft()
            except ResyncError as error:
                raise ResyncError(list(self._states), str(error)) from error

    async def _write(self, outcomes: Mapping[int, PollOutcome], before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before  # its failure is also a failure of this write
        try:
            with writing(outcomes):
                await self._write_elsewhere(outcomes)
                acknowledged = await self._append(outcomes)
        except BaseException:
            # What was written is unknown now, so never append past it (decision 6).
            await self._writer.reset()
            raise
        await self._check_positions(acknowledged)
        self._report(outcomes)

    async def _pass_commands(self) -> None:
        if stale := await self._gate.pass_():
            for state in self._states.values():
                state.forget(stale)

    async def _fold_to_end(self, state: PartitionState) -> None:
        """Fold until a read adds nothing: the partition's previous owner may have had appends on the way."""
        partition = state.home
        await check_ends(self._reader, [Known(EVENTS, partition, state.position, None)])
        while state.position < (end := (await self._reader.end_offsets(EVENTS, [partition]))[partition]):
            async for records in self._reader.read(EVENTS, partition, state.position, end):
                state.fold(records, self._gate.catalogs)
            state.appended_up_to(end)

    async def _write_elsewhere(self, outcomes: Mapping[int, PollOutcome]) -> None:
        """Write refusals and re-routes of all partitions, by target, and wait for each acknowledgement."""
        wanted: dict[tuple[str, int], list[Record]] = {}
        for outcome in outcomes.values():
            for target, records in outcome.rerouted.items():
                wanted.setdefault((USAGE, target), []).extend(records)
            if outcome.rejected:
                wanted.setdefault((USAGE_REJECTED, outcome.home), []).extend(outcome.rejected)
        for (topic, partition), records in wanted.items():
            await self._writer.append(topic, partition, records)
        if any(outcome.rejected for outcome in outcomes.values()):
            self._refused()

    async def _append(self, outcomes: Mapping[int, PollOutcome]) -> dict[int, list[Appended]]:
        """Append to all partitions side by side; returns the batches of each.

        When this raises, every append has ended, successful or not: an append left in the background would write with a
        new producer after the reset, past an unacknowledged record.
        """
        results = await asyncio.gather(
            *(self._writer.append(EVENTS, outcome.home, outcome.records) for outcome in outcomes.values()),
            return_exceptions=True,
        )
        acknowledged = {}
        for partition, result in zip(outcomes, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            acknowledged[partition] = result
        return acknowledged

    async def _check_positions(self, acknowledged: Mapping[int, Sequence[Appended]]) -> None:
        """Check all partitions of the poll before raising an error, so that their positions are known.

        Surplus partitions have no memory to protect: records that two workers re-route twice count once in the right
        partition.
        """
        lost: dict[int, str] = {}
        for partition, batches in acknowledged.items():
            state = self._states[partition]
            if state.is_surplus:
                continue
            between, position = gaps(self._reader.cluster, partition, state.position, batches)
            for start, end in between:
                gap = self._reader.read(EVENTS, partition, start, end)
                why = await state.second_writer(gap, self._reader.cluster.topic(EVENTS), self._gate.catalogs)
                if why is not None:
                    lost[partition] = why
                    break
            state.appended_up_to(position)
        if lost:
            raise ResyncError(list(lost), "; ".join(lost.values()))

    def _report(self, outcomes: Mapping[int, PollOutcome]) -> None:
        for outcome in outcomes.values():
            for name in self.counts:
                self.counts[name] += getattr(outcome.counts, name)
            show(outcome, self._gate.catalogs.directory)
