"""The loop that hosts a partition worker: a consumer's raw batches into a handler, so that none is lost or skipped.

Offsets are the handler's: it says where each assigned partition starts, and stores them with its effects.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from services.concurrency import first_of
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
    """What a worker does with the partitions it is given. Calls never overlap."""

    async def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Load what is needed and say at which offset each partition starts. Repeated until it succeeds.

        A partition that is left out cannot go on; `stopped` says why.
        """
        ...

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Forget these partitions; another worker may already own them."""
        ...

    async def poll(self, polled: Mapping[int, Polled]) -> float:
        """Take what came of some partitions, or nothing (an empty mapping) after a quiet wait.

        Returns: for how many seconds it may be left alone if nothing comes and nobody wakes it.
        """
        ...

    @property
    def stopped(self) -> Mapping[int, str]:
        """Partitions that must not go on, and why; the others do."""
        ...


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Which partitions are ours, and which of them wait to be loaded.

    `pause` comes first because aiokafka may fetch before an async listener ends; the real positions are sought by the
    loop, where an error is an error, not by the listener, whose exceptions aiokafka logs and ignores.
    """

    def __init__(self, handler: PartitionHandler, woken: asyncio.Event) -> None:
        self.handler = handler
        self.woken = woken
        #: What the last poll returned; 0 after every change.
        self.quiet_s = 0.0
        self.busy = asyncio.Lock()
        #: Tells the consumer, which is made before the first assignment; `consuming` sets it.
        self.consumer: Callable[[], AIOKafkaConsumer | None] = lambda: None
        self.waiting: set[int] = set()
        #: Where each partition that is loaded goes on.
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
    """Run the handler until `stop` is set, on whatever partitions of the topic the group gives this process.

    Whoever sets `woken` has the handler polled now, with what there is.
    `ready` is called once, when the first assignment is loaded (or there is nothing to load). After a kill -9 the group
    hands the partitions on when `session_ms` has passed; a poll that blocks the loop for longer loses them, too.

    Raises: BeginAnewError; what the handler raises, other than ResyncError and what passes by itself.
    """
    assignment = _Assignment(handler, woken or asyncio.Event())
    async with consuming(cluster, topic, group, assignment, session_ms, max_records) as fetching:
        tune_garbage_collection()
        log.info("worker_started", topic=fetching.topic, group=cluster.group(group))
        try:
            await _loop(fetching, assignment, stop, ready)
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
    """Fetch no more of partitions that must not go on."""
    stopped = {partition: why for partition, why in assignment.handler.stopped.items() if partition in assignment.ready}
    if stopped:
        fetching.pause(list(stopped))
        for partition, why in stopped.items():
            del assignment.ready[partition]
            log.error("partition_stopped", topic=fetching.topic, partition=partition, why=why)


def _send_back(fetching: Fetching, assignment: _Assignment, partitions: Sequence[int]) -> None:
    """Let the partitions wait to be loaded again, without a record being fetched meanwhile."""
    ours = [partition for partition in partitions if partition in assignment.ready]
    fetching.pause(ours)
    for partition in ours:
        del assignment.ready[partition]
    assignment.waiting.update(ours)


def show_poll(polled: Mapping[int, Polled], seconds: float) -> None:
    """What a poll brought, and how long the handler was at it."""
    if polled:
        POLL_RECORDS.observe(sum(len(records.records) for records in polled.values()))
        POLL.observe(seconds)


def show_round(
    fetching: Fetching, ready: Mapping[int, int], stopped: Mapping[int, str], polled: Mapping[int, Polled]
) -> None:
    """A round went well. `ready`: where each partition goes on; `stopped`: those that must not, and why."""
    assigned = fetching.partitions
    still = {partition: why for partition, why in stopped.items() if partition in assigned}
    last = {partition: records.records[-1].timestamp / 1000 for partition, records in polled.items() if records.records}
    PARTITIONS.set(len(ready))
    STOPPED.set(len(still))
    LAGS.note(fetching.topic, assigned, fetching.lags(ready), last)
    PULSE.stopped({f"{fetching.topic}/{partition}": why for partition, why in still.items()})
    PULSE.went_round()
