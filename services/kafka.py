"""Kafka as the services use it: ranges of the log to read, batches to append, ends to ask for.

It knows no facts. Every wait is bounded; an error of the client propagates, and its owner resets the writer.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError

from events.topics import MAX_RECORD_BYTES
from services.failures import ExpectedFailure

#: One produce request carries at most this much; a larger record gets a batch of its own.
BATCH_BYTES = 1024 * 1024
FETCH_BYTES = 8 * 1024 * 1024
REQUEST_TIMEOUT_S = 30.0
#: What a record takes in a batch besides key, value and headers, at most.
_ENVELOPE_BYTES = 64
_NO_HEADERS: list[tuple[str, bytes | None]] = []
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KafkaUnreachableError(ExpectedFailure):
    """Kafka at {bootstrap} did not answer: {cause}."""

    def __init__(self, bootstrap: str, cause: object) -> None:
        super().__init__(f"Kafka at {bootstrap} did not answer: {cause}")


class ReadStalledError(Exception):
    """Reading {topic}/{partition} made no progress for {seconds} s at offset {offset}."""

    def __init__(self, topic: str, partition: int, offset: int, seconds: float) -> None:
        super().__init__(f"reading {topic}/{partition} made no progress for {seconds:.0f} s at offset {offset}")


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record to append: headers are (name, bytes or nothing) pairs. A struct, because there is one for each event."""

    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes | None]] = ()


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
    ) -> AsyncGenerator[list[ConsumerRecord], None]:
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


class BatchWriter:
    """Appends whole batches to named partitions, idempotently, with acks from all replicas.

    After any exception the producer may repeat or skip sequence numbers for ever (notes, 5.1): call `reset` before the
    next append, and find out from the log what was written.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.reset()

    async def reset(self) -> None:
        """Drop the producer; the next append starts a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            # A producer whose broker is away would wait for its unsent batches; they are given up on purpose.
            try:
                async with asyncio.timeout(5):
                    await producer.stop()
            except TimeoutError:
                producer._closed = True

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                enable_idempotence=True,
                compression_type="zstd",
                max_batch_size=MAX_RECORD_BYTES,
                max_request_size=MAX_RECORD_BYTES,
            )
            try:
                await producer.start()
            except KafkaConnectionError as error:
                await producer.stop()
                raise KafkaUnreachableError(self._bootstrap, error) from error
            self._producer = producer
        return self._producer

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> list[tuple[int, int]]:
        """Append in order and wait for the acknowledgement of each batch before the next is sent.

        Returns: (base offset, count) of each batch, in order. Raises: KafkaError, TimeoutError; then call `reset`.
        """
        acknowledged = []
        for start, stop in _cuts(records):
            producer = await self._started()
            batch = producer.create_batch()
            for record in records[start:stop]:
                headers = list(record.headers) if record.headers else _NO_HEADERS
                if batch.append(timestamp=None, key=record.key, value=record.value, headers=headers) is None:
                    raise ValueError(f"a record of {len(record.value)} bytes does not fit {MAX_RECORD_BYTES} bytes")
            batch.close()
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                future = await producer.send_batch(batch, topic, partition=partition)
                metadata = await future
            acknowledged.append((metadata.offset, stop - start))
        return acknowledged


def _size(headers: Sequence[tuple[str, bytes | None]]) -> int:
    """Bytes of the headers; a header may have a name and no value."""
    return sum(len(name) + len(value or b"") for name, value in headers)


def _cuts(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Index ranges of at most BATCH_BYTES each; a record above that stands alone."""
    cuts, start, size = [], 0, 0
    for index, record in enumerate(records):
        weight = len(record.value) + _ENVELOPE_BYTES
        if record.key or record.headers:
            weight += len(record.key or b"") + _size(record.headers)
        if size and size + weight > BATCH_BYTES:
            cuts.append((start, index))
            start, size = index, 0
        size += weight
    return [*cuts, (start, len(records))] if records else []
