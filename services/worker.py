"""The loop that hosts a partition worker: FastStream's broker and consumer around a handler of raw batches.

The consumer is a FastStream subscriber without a handler function: FastStream builds, starts and stops it, and this
loop reads it itself, so no exception is swallowed and no record is skipped (notes, 1.2 and 1.7).
Offsets are the handler's: it says where each assigned partition starts, and stores them with its effects.
"""

import asyncio
import gc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from services.kafka import FETCH_BYTES, FetchedRecord, KafkaUnreachableError, ReadStalledError, raw
from services.kafka.arriving import BUSY_WAIT_MS, Arrivals
from services.kafka.lenient import is_lenient, read_leniently
from services.postgres import PostgresUnreachableError

log = structlog.get_logger(__name__)

#: What a restart of the broker or of Postgres looks like from here. Such an error costs memory, never data: every
#: partition is assigned anew from what is durable. Any other exception is a bug or a broken log and ends the process.
TRANSIENT: tuple[type[BaseException], ...] = (
    KafkaError,
    KafkaUnreachableError,
    ReadStalledError,
    PostgresUnreachableError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    OSError,
    TimeoutError,
)
BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class ResyncError(Exception):
    """The handler's memory of these partitions cannot be trusted any more; assign them anew."""

    def __init__(self, partitions: Sequence[int], why: str) -> None:
        super().__init__(f"partitions {sorted(partitions)}: {why}")
        self.partitions = tuple(partitions)


class PartitionHandler(Protocol):
    """What a worker does with the partitions it is given. Calls never overlap."""

    async def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Load what is needed and say at which offset each partition starts. Repeated until it succeeds."""
        ...

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Forget these partitions; another worker may already own them."""
        ...

    async def poll(self, batches: Mapping[int, Sequence[FetchedRecord]]) -> float:
        """Take the next records of some partitions, or nothing (an empty mapping) after a quiet wait.

        Returns: for how many seconds it may be left alone if no records come and nobody wakes it.
        """
        ...


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Which partitions are ours, and which of them wait to be loaded.

    `pause` comes first because aiokafka may fetch before an async listener ends; the real positions are sought by the
    loop, where an error is an error, not by the listener, whose exceptions aiokafka logs and ignores (notes, 1.3).
    """

    def __init__(self, handler: PartitionHandler, woken: asyncio.Event) -> None:
        self.handler = handler
        self.woken = woken
        #: What the last poll returned; 0 after every change.
        self.quiet_s = 0.0
        self.busy = asyncio.Lock()
        self.consumer: AIOKafkaConsumer | None = None
        self.waiting: set[int] = set()
        self.ready: set[int] = set()
        self.epoch = 0

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        assert self.consumer is not None
        self.consumer.pause(*assigned)
        for place in assigned:
            self.consumer.seek(place, 0)
        self.epoch += 1
        self.ready.clear()
        self.waiting = {place.partition for place in assigned}
        self.woken.set()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        async with self.busy:
            self.epoch += 1
            self.waiting.clear()
            self.ready.clear()
            if revoked:
                await self.handler.revoked([place.partition for place in revoked])


def _tune_garbage_collection() -> None:
    # The default thresholds rescan the growing batch again and again: this is worth more than any library (notes, 6).
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def host(
    bootstrap: str,
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

    Raises: what the handler raises, other than ResyncError and the errors that a restart of a server explains.
    """
    assignment = _Assignment(handler, woken or asyncio.Event())
    # Its logger would hide nothing here but chatter: there is no handler whose exceptions it could swallow.
    broker = KafkaBroker(bootstrap, allow_auto_create_topics=False, apply_types=False, logger=None)
    subscriber = _subscriber(broker, topic, group, assignment, session_ms)
    await broker.connect()
    _hand_over_consumer(broker, assignment)
    try:
        await broker.start()
        assert subscriber.consumer is not None
        _tune_garbage_collection()
        log.info("worker_started", topic=topic, group=group)
        await _loop(subscriber.consumer, topic, assignment, max_records, stop, ready)
    finally:
        await broker.stop()
        log.info("worker_stopped", topic=topic, group=group)


def _subscriber(broker: KafkaBroker, topic: str, group: str, assignment: _Assignment, session_ms: int) -> Any:
    return broker.subscriber(
        topic,
        group_id=group,
        batch=False,
        listener=assignment,
        auto_offset_reset="none",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=BUSY_WAIT_MS,
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=session_ms // 5,
        rebalance_timeout_ms=60_000,
        max_poll_interval_ms=300_000,
        auto_commit_interval_ms=30_000,  # for lag tools only: the handler's offsets count
    )


def _hand_over_consumer(broker: KafkaBroker, assignment: _Assignment) -> None:
    """The listener needs the consumer before the first assignment, which FastStream's start() already waits for.

    FastStream has no option for what `raw` tells the consumer, either.
    """
    builder = broker.config.broker_config.builder

    def build(*args: Any, **options: Any) -> AIOKafkaConsumer:
        assignment.consumer = builder(*args, **(options | {"key_deserializer": raw}))
        return assignment.consumer

    broker.config.broker_config.builder = build


async def _loop(
    consumer: AIOKafkaConsumer,
    topic: str,
    assignment: _Assignment,
    max_records: int,
    stop: asyncio.Event,
    ready: Callable[[], None] | None,
) -> None:
    failures, arrivals = 0, Arrivals(consumer, max_records)
    while not stop.is_set():
        try:
            await _load_waiting(consumer, topic, assignment)
            if ready is not None:
                ready()
                ready = None
            epoch = assignment.epoch
            # Outside the lock: during a rebalance getmany waits for the listener, and the listener for the lock.
            fetched = await arrivals.next(assignment.quiet_s, stop, assignment.woken)
            assignment.woken.clear()
            async with assignment.busy:
                if epoch != assignment.epoch:
                    continue  # revoked meanwhile: the records belong to whoever owns the partition now
                if assignment.ready:
                    records = {place.partition: records for place, records in fetched.items()}
                    assignment.quiet_s = await assignment.handler.poll(records)
            failures = 0
        except ResyncError as error:
            log.warning("partitions_resynced", topic=topic, why=str(error))
            _send_back(consumer, topic, assignment, error.partitions)
        except UnicodeDecodeError:
            if is_lenient():
                raise
            # Raised inside getmany by a header's name; pausing drops what was fetched and parsed strictly.
            read_leniently()
            _send_back(consumer, topic, assignment, tuple(assignment.ready))
        except TRANSIENT as error:
            log.warning("server_unavailable", topic=topic, error=f"{type(error).__name__}: {error}")
            _send_back(consumer, topic, assignment, tuple(assignment.ready))
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            failures += 1


async def _load_waiting(consumer: AIOKafkaConsumer, topic: str, assignment: _Assignment) -> None:
    async with assignment.busy:
        waiting = sorted(assignment.waiting)
        if not waiting:
            return
        starts = await assignment.handler.assigned(waiting)
        for partition in waiting:
            consumer.seek(TopicPartition(topic, partition), starts[partition])
        consumer.resume(*(TopicPartition(topic, partition) for partition in waiting))
        assignment.waiting.difference_update(waiting)
        assignment.ready.update(waiting)
        assignment.quiet_s = 0.0
        log.info("partitions_assigned", topic=topic, starts={p: starts[p] for p in waiting})


def _send_back(consumer: AIOKafkaConsumer, topic: str, assignment: _Assignment, partitions: Sequence[int]) -> None:
    """Let the partitions wait to be loaded again, without a record being fetched meanwhile."""
    ours = [partition for partition in partitions if partition in assignment.ready]
    if ours:
        consumer.pause(*(TopicPartition(topic, partition) for partition in ours))
    assignment.ready.difference_update(ours)
    assignment.waiting.update(ours)
