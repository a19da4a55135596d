"""Reads Kafka without a consumer group: ranges of a topic, where it begins and ends, and marks of what was read."""

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
#: Records that are handed out at a time, at most.
POLL_RECORDS = 20_000
DIGEST_BYTES = 8


class Mark(NamedTuple):
    """What a position remembers of the record before it: another one at that offset is noticed (decision 26).

    An offset alone does not tell: a topic that was made anew and has grown past the old end has a record there, too. Of
    the record: its offset, its LogAppendTime in ms, and a hash of its key and value.
    """

    offset: int
    ms: int
    digest: bytes


def digest_of(key: bytes | None, value: bytes | None) -> bytes:
    """The hash that a mark has of a record."""
    content = blake2b(key or b"", digest_size=DIGEST_BYTES)
    content.update(b"\0")
    content.update(value or b"")
    return content.digest()


def mark_of(record: FetchedRecord) -> Mark:
    """The mark of a record that was read."""
    return Mark(record.offset, record.timestamp, digest_of(record.key, record.value))


class LogReader:
    """Reads explicit ranges of topics, without a consumer group.

    One range at a time per reader: iterate a range to its end, or close the iterator, before the next.

    `committed`: ends are the last stable ones, and what was aborted is passed over. So `usage` is read, which
    publishers may write in transactions; our own topics are not, or an open transaction of a stranger would hide what
    comes behind it. `exact`: of names of headers, too, each byte is told (`bytes_of_name`).
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
            # The first question about each topic sleeps this long until its metadata are there; 100 by default, and
            # a bill job, a preview and a pending bill ask about three topics.
            retry_backoff_ms=10,
        )
        try:
            with kafka_errors(self.cluster):
                await consumer.start()
            self._fetcher = await read_raw(consumer)
        except BaseException:  # the caller's time may be over
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
        """Next offset of each partition."""
        wanted = [self._named(topic, partition) for partition in partitions]
        with kafka_errors(self.cluster):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                ends = await self._open.end_offsets(wanted)
        return {key.partition: offset for key, offset in ends.items()}

    async def beginning_offsets(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """First offset that is still there, of each partition."""
        wanted = [self._named(topic, partition) for partition in partitions]
        with kafka_errors(self.cluster):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                starts = await self._open.beginning_offsets(wanted)
        return {key.partition: offset for key, offset in starts.items()}

    async def offsets_after(self, topic: str, partitions: Iterable[int], moment: datetime) -> dict[int, int]:
        """Offset of the first record that was appended later than the moment, else the end, of each partition."""
        milliseconds = max(0, in_ms(moment) + 1)
        wanted = {self._named(topic, partition): milliseconds for partition in partitions}
        with kafka_errors(self.cluster):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                ends = await self._open.end_offsets(list(wanted))
                by_time = await self._open.offsets_for_times(wanted)
        # Ends come first: a record that is appended in between is later than any moment that has passed.
        return {key.partition: by_time[key].offset if by_time[key] else end for key, end in ends.items()}

    async def read(
        self, topic: str, partition: int, start: int, end: int, *, max_records: int = POLL_RECORDS
    ) -> AsyncGenerator[list[FetchedRecord], None]:
        """The records at offsets `[start, end)` in order, in lists; `end` must not be beyond the partition's end."""
        topic_partition = self._named(topic, partition)
        consumer, fetcher = self._open, self._fetcher
        assert fetcher is not None
        if start >= end:
            return
        # No await between the two: without a position aiokafka would ask for a reset, which is an error here.
        consumer.assign([topic_partition])
        consumer.seek(topic_partition, start)
        position, idle_since = start, asyncio.get_running_loop().time()
        try:
            while position < end:
                try:
                    with kafka_errors(self.cluster):
                        polled = await consumer.getmany(topic_partition, timeout_ms=200, max_records=max_records)
                        reached = await consumer.position(topic_partition)
                except UnicodeDecodeError:  # a header's name
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
                # Not the last record's: control records, such as the end of a transaction, take offsets too.
                idle_since, position = now, reached
                PULSE.moved()
                wanted = fetched if position <= end else [record for record in fetched if record.offset < end]
                if wanted:
                    yield wanted
        finally:
            # Stays assigned until the next range: aiokafka's fetcher fails on a consumer without an assignment.
            consumer.pause(topic_partition)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    # aiokafka awaits a task that it has cancelled: of one that never began to run the cancellation would reach us.
    await asyncio.sleep(0)
    await consumer.stop()
