"""The loop that hosts a partition worker: it passes a consumer's raw batches to a handler, so that no record is lost or
skipped.

Offsets belong to the handler: it says where each assigned partition starts, and stores them with its effects.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from services.concurrency import first_of, soon_after, unless_set
from services.failures import BeginAnewError, Passing
from services.garbage import tune_garbage_collection
from services.kafka import Cluster, Polled
from services.outage import Outage
from services.sight.metrics import LAGS, PARTITIONS, POLL, POLL_RECORDS, REBALANCES, RESYNCS, STOPPED
from services.sight.pulse import PULSE
from services.worker.consumer import Fetching, consuming

log = structlog.get_logger(__name__)


class ResyncError(Exception):
    """The handler's memory of these partitions cannot be trusted any more; assign them anew."""

    def __init__(self, partitions: Sequence[int], why: str) -> None:
        super().__init__(f"partitions {sorted(partitions)}: {why}")
        self.partitions = tuple(partitions)


class PartitionHandler(Protocol):
    """A worker's handling of its partitions. Calls never overlap."""

    async def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Load the partitions, and return the offset at which each starts. Repeated until it succeeds.

        A partition that is left out cannot go on; `stopped` says why.
        """
        ...

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Forget these partitions; another worker may already own them."""
        ...

    async def poll(self, polled: Mapping[int, Polled]) -> float:
        """Take the new records of some partitions, or nothing (an empty mapping) after a quiet wait.

        Returns the seconds until the next call if nothing comes and nobody wakes it.
        """
        ...

    @property
    def stopped(self) -> Mapping[int, str]:
        """Partitions that must not go on, with the reason; the others do."""
        ...


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """The assigned partitions, and those of them that wait to be loaded.

    Partitions are paused at once, because aiokafka may fetch before an async listener ends. The loop seeks the real
    positions, where an error is raised; aiokafka logs and ignores a listener's exceptions.
    """

    def __init__(self, handler: PartitionHandler, woken: asyncio.Event) -> None:
        self.handler = handler
        self.woken = woken
        #: The result of the last poll; 0 after every change.
        self.quiet_s = 0.0
        self.busy = asyncio.Lock()
        #: Tells the consumer, which is made before the first assignment; `consuming` sets it.
        self.consumer: Callable[[], AIOKafkaConsumer | None] = lambda: None
        self.waiting: set[int] = set()
        #: The offset at which each loaded partition continues.
        self.ready: dict[int, int] = {}
        self.epoch = 0

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        consumer = self.consumer()
        assert consumer is not None
        consumer.pause(*assigned)
        for topic_partition in assigned:
            consumer.seek(topic_partition, 0)
        self.epoch += 1
        self.ready.clear()
        self.waiting = {partition.partition for partition in assigned}
        self.woken.set()
        REBALANCES.inc()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        async with self.busy:
            self.epoch += 1
            self.waiting.clear()
            self.ready.clear()
            if revoked:
                await self.handler.revoked([partition.partition for partition in revoked])


async def host(
    cluster: Cluster,
    *,
    topic: str,
    group: str,
    handler: PartitionHandler,
    max_records: int,
    stop: asyncio.Event,
    ready: Callable[[], None] | None = None,
    session_ms: int = 15_000,
    woken: asyncio.Event | None = None,
) -> None:
    """Run the handler until `stop` is set, on the partitions of the topic that the group assigns to this process.

    Setting `woken` polls the handler at once, with whatever records there are. `ready` is called once, when the first
    assignment is loaded (or there is nothing to load). After a kill -9 the group reassigns the partitions when
    `session_ms` has passed; a poll that blocks the loop for longer loses them, too.

    Raises: BeginAnewError; errors of the handler, other than ResyncError and temporary failures.
    """
    assignment = _Assignment(handler, woken or asyncio.Event())
    async with AsyncExitStack() as stack:
        made = consuming(cluster, topic, group, assignment, session_ms, max_records)
        # Without a broker that coordinates the group there is no end of it.
        fetching = await unless_set(stop, stack.enter_async_context(made))
        if fetching is None:
            return
        tune_garbage_collection()
        log.info("worker_started", topic=fetching.topic, group=cluster.group(group))
        try:
            await soon_after(stop, _loop(fetching, assignment, stop, ready))
        finally:
            log.info("worker_stopped", topic=fetching.topic, group=cluster.group(group))


async def _loop(
    fetching: Fetching,
    assignment: _Assignment,
    stop: asyncio.Event,
    ready: Callable[[], None] | None,
) -> None:
    outage = Outage("server_unavailable", of_process=True, topic=fetching.topic)
    resync = Outage("partitions_resynced", of_process=True, topic=fetching.topic)
    while not stop.is_set():
        try:
            await _load_waiting(fetching, assignment)
            if ready is not None:
                ready()
                ready = None
            if await _round(fetching, assignment, stop):
                outage.over()
                resync.over()
        except ResyncError as error:
            RESYNCS.inc()
            _send_back(fetching, assignment, error.partitions)
            await first_of(resync.met(error), stop)
        except UnicodeDecodeError:
            if fetching.fetcher.is_lenient:
                raise
            # Raised inside getmany by a header's name; pausing drops what was fetched and parsed strictly.
            fetching.fetcher.read_leniently()
            _send_back(fetching, assignment, tuple(assignment.ready))
        except BeginAnewError:
            raise
        except Passing as error:
            _send_back(fetching, assignment, tuple(assignment.ready))
            await first_of(outage.met(error), stop)


async def _round(fetching: Fetching, assignment: _Assignment, stop: asyncio.Event) -> bool:
    """Fetch what comes next, and hand it over. False: the partitions changed meanwhile, so it was not."""
    epoch = assignment.epoch
    # Outside the lock: during a rebalance getmany waits for the listener, and the listener for the lock.
    polled = await fetching.fetch(assignment.quiet_s, assignment.ready, stop, assignment.woken)
    assignment.woken.clear()
    async with assignment.busy:
        if epoch != assignment.epoch:
            return False  # revoked: the records belong to whoever owns the partition now
        if assignment.ready:
            assignment.ready.update({partition: records.next_offset for partition, records in polled.items()})
            started = time.monotonic()
            assignment.quiet_s = await assignment.handler.poll(polled)
            show_poll(polled, time.monotonic() - started)
    _stop_some(fetching, assignment)
    show_round(fetching, assignment.ready, assignment.handler.stopped, polled)
    return True


async def _load_waiting(fetching: Fetching, assignment: _Assignment) -> None:
    async with assignment.busy:
        waiting = sorted(assignment.waiting)
        if not waiting:
            return
        starts = await assignment.handler.assigned(waiting)
        fetching.seek(starts)
        assignment.waiting.difference_update(waiting)
        assignment.ready.update(starts)
        assignment.quiet_s = 0.0
        log.info("partitions_assigned", topic=fetching.topic, starts=dict(starts))
    _stop_some(fetching, assignment)


def _stop_some(fetching: Fetching, assignment: _Assignment) -> None:
    """Stop fetching partitions that must not go on."""
    stopped = {partition: why for partition, why in assignment.handler.stopped.items() if partition in assignment.ready}
    if stopped:
        fetching.pause(list(stopped))
        for partition, why in stopped.items():
            del assignment.ready[partition]
            log.error("partition_stopped", topic=fetching.topic, partition=partition, why=why)


def _send_back(fetching: Fetching, assignment: _Assignment, partitions: Sequence[int]) -> None:
    """Mark the partitions to be loaded again, without fetching records meanwhile."""
    ours = [partition for partition in partitions if partition in assignment.ready]
    fetching.pause(ours)
    for partition in ours:
        del assignment.ready[partition]
    assignment.waiting.update(ours)


def show_poll(polled: Mapping[int, Polled], seconds: float) -> None:
    """Log the result of a poll, and how long the handler took."""
    if polled:
        POLL_RECORDS.observe(sum(len(records.records) for records in polled.values()))
        POLL.observe(seconds)


def show_round(
    fetching: Fetching, ready: Mapping[int, int], stopped: Mapping[int, str], polled: Mapping[int, Polled]
) -> None:
    """Note a successful round. `ready`: where each partition continues; `stopped`: partitions that must not, and
    why.
    """
    assigned = fetching.partitions
    still = {partition: why for partition, why in stopped.items() if partition in assigned}
    last = {partition: records.records[-1].timestamp / 1000 for partition, records in polled.items() if records.records}
    PARTITIONS.set(len(ready))
    STOPPED.set(len(still))
    LAGS.note(fetching.topic, assigned, fetching.lags(ready), last)
    PULSE.stopped({f"{fetching.topic}/{partition}": why for partition, why in still.items()})
    PULSE.went_round()
