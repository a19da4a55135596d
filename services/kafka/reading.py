"""Reads Kafka without a consumer group: ranges of a topic, and where it begins and ends."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from services.kafka.arriving import look_seldom
from services.kafka.failures import REQUEST_TIMEOUT_S, KafkaUnreachableError, ReadStalledError
from services.kafka.fetching import FetchedRecord, raw

FETCH_BYTES = 8 * 1024 * 1024
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LogReader:
    """Reads explicit ranges of topics, without a consumer group.

    One range at a time per reader: iterate a range to its end, or close the iterator, before the next.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            key_deserializer=raw,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=50,
            # The first question about each topic sleeps this long until its metadata are there; 100 by default, and
            # a bill job, a preview and a pending bill ask about three topics.
            retry_backoff_ms=10,
        )
        try:
            await consumer.start()
        except KafkaConnectionError as error:
            await consumer.stop()
            raise KafkaUnreachableError(self._bootstrap, error) from error
        except asyncio.CancelledError:  # the caller's time is over
            await consumer.stop()
            raise
        look_seldom(consumer)
        self._consumer = consumer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    @property
    def _open(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "use LogReader as an async context manager"
        return self._consumer

    async def end_offsets(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Next offset of each partition."""
        wanted = [TopicPartition(topic, partition) for partition in partitions]
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            ends = await self._open.end_offsets(wanted)
        return {place.partition: offset for place, offset in ends.items()}

    async def beginning_offsets(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """First offset that is still there, of each partition."""
        wanted = [TopicPartition(topic, partition) for partition in partitions]
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            starts = await self._open.beginning_offsets(wanted)
        return {place.partition: offset for place, offset in starts.items()}

    async def offsets_after(self, topic: str, partitions: Iterable[int], moment: datetime) -> dict[int, int]:
        """Offset of the first record that was appended later than the moment, else the end, of each partition."""
        milliseconds = max(0, (moment - EPOCH) // timedelta(milliseconds=1) + 1)
        wanted = {TopicPartition(topic, partition): milliseconds for partition in partitions}
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            ends = await self._open.end_offsets(list(wanted))
            found = await self._open.offsets_for_times(wanted)
        # Ends come first: a record that is appended in between is later than any moment that has passed.
        return {place.partition: found[place].offset if found[place] else end for place, end in ends.items()}

    async def read(
        self, topic: str, partition: int, start: int, end: int, *, max_records: int = 20_000
    ) -> AsyncGenerator[list[FetchedRecord], None]:
        """The records at offsets `[start, end)` in order, in lists; `end` must not be beyond the partition's end."""
        place = TopicPartition(topic, partition)
        consumer = self._open
        if start >= end:
            return
        # No await between the two: without a position aiokafka would ask for a reset, which is an error here.
        consumer.assign([place])
        consumer.seek(place, start)
        position, idle_since = start, asyncio.get_running_loop().time()
        try:
            while position < end:
                fetched = (await consumer.getmany(place, timeout_ms=200, max_records=max_records)).get(place, [])
                now = asyncio.get_running_loop().time()
                if not fetched:
                    if now - idle_since > REQUEST_TIMEOUT_S:
                        raise ReadStalledError(topic, partition, position, REQUEST_TIMEOUT_S)
                    continue
                idle_since, position = now, fetched[-1].offset + 1
                wanted = fetched if position <= end else [record for record in fetched if record.offset < end]
                if wanted:
                    yield wanted
        finally:
            # Stays assigned until the next range: aiokafka's fetcher fails on a consumer without an assignment.
            consumer.pause(place)
