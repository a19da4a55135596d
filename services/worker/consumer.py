"""The consumer of a worker: FastStream creates, starts and stops it; `Arrivals` reads it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from events.topics import USAGE
from services.concurrency import all_or_none, first_of
from services.failures import BeginAnewError, Passing
from services.kafka import FETCH_BYTES, LOOK_MS, Cluster, Polled, RawFetcher, kafka_errors, new_broker, read_raw

log = structlog.get_logger(__name__)
#: The delay until partitions added to the topic are noticed.
METADATA_MS = 10_000
#: How long the broker holds a fetch while records come, in milliseconds; the consumer is made with it.
BUSY_WAIT_MS = 50
#: The same once nothing has come for QUIET_S. A newly assigned partition waits at most this long.
QUIET_WAIT_MS = 2_500
QUIET_S = 1.0
#: Records that come within this time of the ones before are taken together, because every batch has a fixed cost in
#: every process it passes. There is no such wait after a pause, nor while batches are full.
GATHER_S = 0.02
#: How often offsets are committed, and the longest wait for it.
COMMIT_INTERVAL_S, COMMIT_SECONDS = 30.0, 0.5


class ConsumerLostError(BeginAnewError):
    """The consumer itself failed."""


class Listener(Protocol):
    """A `ConsumerRebalanceListener` that can get its consumer when it is told of an assignment."""

    consumer: Callable[[], AIOKafkaConsumer | None]


@asynccontextmanager
async def consuming(
    cluster: Cluster, topic: str, group: str, listener: Listener, session_ms: int, max_records: int
) -> AsyncIterator["Fetching"]:
    """The consumer for the length of a block, once it has an assignment. Raises: KafkaUnreachableError."""
    # Its logger is silenced without loss: there is no handler whose exceptions it could report.
    broker = new_broker(
        cluster, allow_auto_create_topics=False, apply_types=False, logger=None, metadata_max_age_ms=METADATA_MS
    )
    subscriber = _subscriber(broker, cluster, topic, group, listener, session_ms)
    # FastStream's start() returns with the first assignment; the consumer exists before.
    listener.consumer = lambda: subscriber.consumer
    try:
        with kafka_errors(cluster):
            await broker.start()
        consumer = subscriber.consumer
        assert consumer is not None
        # Assigned partitions were paused, so nothing has been fetched.
        fetcher = await read_raw(consumer)
        arrivals = Arrivals(consumer, fetcher, max_records)
        async with all_or_none([_commit_now_and_then(consumer)]):
            yield Fetching(cluster, cluster.topic(topic), consumer, fetcher, arrivals)
    finally:
        await broker.stop()


async def _commit_now_and_then(consumer: AIOKafkaConsumer) -> None:
    """Commit offsets every COMMIT_INTERVAL_S and at the end, for lag tools only: the handler's offsets count.

    The client could do so itself, but would not end then while no broker coordinates the group.
    """
    try:
        while True:
            await asyncio.sleep(COMMIT_INTERVAL_S)
            await _commit(consumer)
    finally:
        await _commit(consumer)


async def _commit(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(COMMIT_SECONDS):
            await consumer.commit()
    except (KafkaError, TimeoutError) as error:
        log.debug("offsets_not_committed", error=str(error) or type(error).__name__)


def _subscriber(
    broker: KafkaBroker, cluster: Cluster, topic: str, group: str, listener: Listener, session_ms: int
) -> Any:
    # Publishers may write `usage` in transactions. The log is only ours, and is read uncommitted: otherwise an open
    # transaction of a stranger would hide the records behind it.
    isolation: Literal["read_committed", "read_uncommitted"]
    isolation = "read_committed" if topic == USAGE else "read_uncommitted"
    return broker.subscriber(
        cluster.topic(topic),
        group_id=cluster.group(group),
        batch=False,
        listener=listener,
        auto_offset_reset="none",
        isolation_level=isolation,
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=BUSY_WAIT_MS,
        consumer_timeout_ms=LOOK_MS,
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=session_ms // 3,
        rebalance_timeout_ms=60_000,
        max_poll_interval_ms=300_000,
        ack_policy=AckPolicy.MANUAL,
    )


class Arrivals:
    """The records of a started consumer, waited for together with events, at no cost while nothing comes.

    aiokafka's `getmany` waits for records or a time, not for an event, and must not be cancelled: aiokafka would
    consider it running for ever. So the waiting is done here, and `getmany` is called only for records that have
    arrived.

    On a busy topic the broker holds a fetch for a moment only, because a second one, for partitions whose records were
    taken late, has to wait for the first. On a quiet one it holds it for long: it answers at once when a record comes,
    and answers with nothing in them are what costs an idle broker and its consumers most.

    Records that trickle in are gathered for GATHER_S, here and, because the client fetches no more of a partition
    before it is asked for what it has, at the broker.

    The consumer was made with `fetch_max_wait_ms=BUSY_WAIT_MS`.
    """

    def __init__(self, consumer: AIOKafkaConsumer, fetcher: RawFetcher, max_records: int) -> None:
        self._consumer, self._fetcher, self._max_records = consumer, fetcher, max_records
        self._came_at = self._next_at = time.monotonic()

    async def next(
        self, seconds: float, *events: asyncio.Event, ends: "Sequence[asyncio.Future[Any]]" = ()
    ) -> Mapping[TopicPartition, Sequence[Any]]:
        """The next records; nothing if an event is set, one of `ends` is done or the time is over first.

        Also nothing if only ends of transactions came: the consumer's position shows them. Raises: KafkaError;
        UnicodeDecodeError for a header's name, see `services.kafka.consuming`.
        """
        until = time.monotonic() + seconds
        gathering = min(self._next_at, until) - time.monotonic()
        if gathering > 0:
            await first_of(gathering, *events, futures=ends)
        fetched = await self._there()
        if not fetched:
            await self._until_some_come(max(0.0, until - time.monotonic()), events, ends)
            fetched = await self._there()
        now = time.monotonic()
        if fetched:
            self._came_at = now
            is_full = sum(map(len, fetched.values())) >= self._max_records
            self._next_at = now if is_full else now + GATHER_S
        self._fetcher.hold_for(BUSY_WAIT_MS if now - self._came_at < QUIET_S else QUIET_WAIT_MS)
        return fetched

    async def _there(self) -> dict[TopicPartition, Sequence[Any]]:
        records: dict[TopicPartition, Sequence[Any]] = await self._consumer.getmany(max_records=self._max_records)
        return records

    async def _until_some_come(
        self, seconds: float, events: Sequence[asyncio.Event], ends: "Sequence[asyncio.Future[Any]]"
    ) -> None:
        come = self._fetcher.wait_for_some()
        try:
            await first_of(seconds, *events, futures=[come, *ends])
        finally:
            come.cancel()
        if not come.cancelled():
            come.result()  # an error of the group is raised here


@dataclass(frozen=True, slots=True)
class Fetching:
    """A consumer of one topic whose errors are all Kafka's."""

    cluster: Cluster
    #: The topic's name in the cluster.
    topic: str
    consumer: AIOKafkaConsumer
    fetcher: RawFetcher
    arrivals: Arrivals

    async def fetch(self, seconds: float, ready: Mapping[int, int], *events: asyncio.Event) -> dict[int, Polled]:
        """The next records of partitions that moved; nothing if an event is set or the time is over first.

        Raises: ConsumerLostError, also when the client's own tasks have ended, which it does not report itself.
        """
        try:
            with kafka_errors(self.cluster):
                fetched = await self.arrivals.next(seconds, *events, ends=self._tasks)
                keys = [TopicPartition(self.topic, partition) for partition in ready]
                reached = {key: await self.consumer.position(key) for key in keys if self._holds(key)}
        except Passing as error:
            raise ConsumerLostError(str(error)) from error
        if any(task.done() for task in self._tasks):
            raise ConsumerLostError(f"the consumer of {self.topic} has stopped fetching")
        return {
            key.partition: Polled(fetched.get(key, ()), offset)
            for key, offset in reached.items()
            if offset != ready[key.partition]
        }

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that are assigned to us now."""
        return frozenset(partition.partition for partition in self.consumer.assignment())

    def lags(self, ready: Mapping[int, int]) -> dict[int, int]:
        """The number of records still to be read of partitions at these offsets, by the last fetch."""
        lags = {}
        for partition in ready.keys() & self.partitions:
            topic_partition = TopicPartition(self.topic, partition)
            stable, end = self.consumer.last_stable_offset(topic_partition), self.consumer.highwater(topic_partition)
            if end is not None:
                end = end if stable in (None, -1) else stable  # -1: it reads uncommitted
                lags[partition] = max(0, end - ready[partition])
        return lags

    @property
    def _tasks(self) -> "Sequence[asyncio.Task[None]]":
        """The client's own tasks, which run as long as it does."""
        return self.fetcher.error_future, self.consumer._coordinator._coordination_task

    def _holds(self, topic_partition: TopicPartition) -> bool:
        """Whether the partition is still ours: a rebalance may take it away during a wait."""
        return topic_partition in self.consumer.assignment()

    def seek(self, starts: Mapping[int, int]) -> None:
        """Fetch these partitions from here on."""
        with kafka_errors(self.cluster):
            for partition, offset in starts.items():
                self.consumer.seek(TopicPartition(self.topic, partition), offset)
            self.consumer.resume(*(TopicPartition(self.topic, partition) for partition in starts))

    def pause(self, partitions: Sequence[int]) -> None:
        """Fetch nothing of these partitions until they are sought again."""
        if partitions:
            with kafka_errors(self.cluster):
                self.consumer.pause(*(TopicPartition(self.topic, partition) for partition in partitions))
