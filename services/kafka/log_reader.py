"""Reads Kafka without a consumer group: ranges of a topic, its first and last offsets, and marks of records that were
read.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from hashlib import blake2b
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from events.dates import in_ms
from services.kafka.clients import new_consumer
from services.kafka.cluster import Cluster
from services.kafka.consuming import LOOK_MS, FetchedRecord, RawFetcher, read_raw
from services.kafka.failures import REQUEST_TIMEOUT_S, ReadStalledError, kafka_errors
from services.sight.pulse import PULSE

FETCH_BYTES = 8 * 1024 * 1024
#: Most records of one list.
POLL_RECORDS = 20_000
DIGEST_BYTES = 8


class Mark(NamedTuple):
    """Identifies the record before a position, so that another record at that offset is noticed (decision 26).

    An offset alone is not enough: a topic that was deleted, made anew and has grown past the old end has a record
    there, too. The mark has the record's offset, its LogAppendTime in ms, and a hash of its key and value.
    """

    offset: int
    ms: int
    digest: bytes


def digest_of(key: bytes | None, value: bytes | None) -> bytes:
    """The hash of a record that its mark holds: DIGEST_BYTES bytes."""
    content = blake2b(key or b"", digest_size=DIGEST_BYTES)
    content.update(b"\0")
    content.update(value or b"")
    return content.digest()


def mark_of(record: FetchedRecord) -> Mark:
    """The mark of a record that was read."""
    return Mark(record.offset, record.timestamp, digest_of(record.key, record.value))


class LogReader:
    """Reads explicit ranges of topics, without a consumer group.

    A reader reads one range at a time: iterate a range to its end, or close the iterator, before the next.

    `committed`: ends are the last stable offsets, and records of aborted transactions are skipped. `usage` is read like
    this, because publishers may write it in transactions. Our own topics are not: an open transaction of a stranger
    would hide all later records. `exact`: names of headers keep their very bytes (`bytes_of_name`).

    Raises, every method: KafkaUnreachableError, KafkaForbidsError.
    """

    def __init__(
        self, cluster: Cluster, *, committed: bool = False, exact: bool = False, fetch_bytes: int = FETCH_BYTES
    ) -> None:
        self.cluster, self._committed, self._exact, self._fetch_bytes = cluster, committed, exact, fetch_bytes
        self._consumer: AIOKafkaConsumer | None = None
        self._fetcher: RawFetcher | None = None

    async def __aenter__(self) -> Self:
        consumer = new_consumer(
            self.cluster,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=self._fetch_bytes,
            fetch_max_wait_ms=50,
            consumer_timeout_ms=LOOK_MS,
            isolation_level="read_committed" if self._committed else "read_uncommitted",
            # The first query about a topic sleeps this long until its metadata are there. The default is 100 ms, and a
            # bill job, a preview and a pending bill query three topics.
            retry_backoff_ms=10,
        )
        try:
            with kafka_errors(self.cluster):
                await consumer.start()
            self._fetcher = await read_raw(consumer)
        except BaseException:  # also when the caller's time is over
            await _stop(consumer)
            raise
        self._consumer = consumer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._consumer is not None:
            await _stop(self._consumer)
            self._consumer = None

    @property
    def _open(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "use LogReader as an async context manager"
        return self._consumer

    def _named(self, topic: str, partition: int) -> TopicPartition:
        return TopicPartition(self.cluster.topic(topic), partition)

    async def end_offsets(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """The next offset of each partition."""
        wanted = [self._named(topic, partition) for partition in partitions]
        with kafka_errors(self.cluster):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                ends = await self._open.end_offsets(wanted)
        return {key.partition: offset for key, offset in ends.items()}

    async def beginning_offsets(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """The first offset that still exists, for each partition."""
        wanted = [self._named(topic, partition) for partition in partitions]
        with kafka_errors(self.cluster):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                starts = await self._open.beginning_offsets(wanted)
        return {key.partition: offset for key, offset in starts.items()}

    async def offsets_after(self, topic: str, partitions: Iterable[int], moment: datetime) -> dict[int, int]:
        """For each partition the offset of the first record appended after the moment; without one, the end."""
        milliseconds = max(0, in_ms(moment) + 1)
        wanted = {self._named(topic, partition): milliseconds for partition in partitions}
        with kafka_errors(self.cluster):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                ends = await self._open.end_offsets(list(wanted))
                by_time = await self._open.offsets_for_times(wanted)
        # The ends are read first: a record that is appended in between is later than any moment that has passed.
        return {key.partition: by_time[key].offset if by_time[key] else end for key, end in ends.items()}

    async def read(
        self, topic: str, partition: int, start: int, end: int, *, max_records: int = POLL_RECORDS
    ) -> AsyncGenerator[list[FetchedRecord], None]:
        """The records at offsets `[start, end)` in order, in lists of at most `max_records`; `end` must not be beyond
        the partition's end.

        Raises: ReadStalledError if nothing comes for REQUEST_TIMEOUT_S seconds, LogHoleError, KafkaUnreachableError,
        KafkaForbidsError.
        """
        topic_partition = self._named(topic, partition)
        consumer, fetcher = self._open, self._fetcher
        assert fetcher is not None
        if start >= end:
            return
        # No await between the two: for a partition without a position aiokafka would ask for a reset, which is an error
        # here.
        consumer.assign([topic_partition])
        consumer.seek(topic_partition, start)
        position, idle_since = start, asyncio.get_running_loop().time()
        try:
            while position < end:
                try:
                    with kafka_errors(self.cluster):
                        polled = await consumer.getmany(topic_partition, timeout_ms=200, max_records=max_records)
                        reached = await consumer.position(topic_partition)
                except UnicodeDecodeError:  # the name of a header is not UTF-8
                    if fetcher.is_lenient:
                        raise
                    fetcher.read_leniently(exact=self._exact)
                    consumer.seek(topic_partition, position)
                    continue
                fetched = polled.get(topic_partition, [])
                now = asyncio.get_running_loop().time()
                if reached == position:
                    if now - idle_since > REQUEST_TIMEOUT_S:
                        raise ReadStalledError(topic_partition.topic, partition, position, REQUEST_TIMEOUT_S)
                    continue
                # Not by the last record's offset: control records, such as the end of a transaction, take offsets too.
                idle_since, position = now, reached
                PULSE.moved()
                wanted = fetched if position <= end else [record for record in fetched if record.offset < end]
                if wanted:
                    yield wanted
        finally:
            # The partition stays assigned until the next range: aiokafka's fetcher fails on a consumer without an
            # assignment.
            consumer.pause(topic_partition)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    # aiokafka awaits a task that it has cancelled; if that task never began to run, its cancellation would reach us.
    await asyncio.sleep(0)
    await consumer.stop()
