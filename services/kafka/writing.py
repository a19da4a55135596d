"""Appends to Kafka: whole batches to named partitions, each acknowledged before the next is sent.

After an error the writer's owner resets it.
"""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from events.topics import RECORD_BYTES_LEAST, RECORD_BYTES_MOST
from services.kafka.clients import new_producer
from services.kafka.cluster import Cluster
from services.kafka.failures import REQUEST_TIMEOUT_S, KafkaUnreachableError, kafka_errors

#: Most bytes of one produce request, so that every topic accepts it; a larger record gets a batch of its own.
BATCH_BYTES = RECORD_BYTES_LEAST - 64 * 1024
#: Most bytes of a record in a batch besides key, value and headers, and of each header.
_ENVELOPE_BYTES, _HEADER_BYTES = 64, 10
#: A producer that has not stopped after so long is dropped.
STOP_SECONDS = 1.5
_NO_HEADERS: list[tuple[str, bytes | None]] = []


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record to append: headers are (name, bytes or nothing) pairs. A struct, because there is one for each event.

    `ms` is its time, if the topic lets its writers set it; None is now.
    """

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    ms: int | None = None


class Appended(NamedTuple):
    """A batch that Kafka has acknowledged: its first offset, its number of records, its LogAppendTime in ms."""

    base: int
    records: int
    ms: int


class BatchWriter:
    """Appends whole batches to named partitions, idempotently, with acks from all replicas.

    The size of a record is checked where its content is accepted. Nothing that a topic might take is refused here,
    because content accepted under an earlier limit must still be written.

    After any exception the producer may repeat or skip sequence numbers for ever: call `reset` before the
    next append, and find out from the log what was written.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.reset()

    async def start(self) -> None:
        """Start the producer; otherwise the first append does. Raises: KafkaUnreachableError."""
        await self._started()

    async def reset(self) -> None:
        """Drop the producer; the next append starts a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            # A producer whose broker is away would wait for its unsent batches. Its errors at the end are ignored,
            # because it is discarded.
            stopping = asyncio.create_task(producer.stop())
            stopping.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            try:
                await asyncio.wait([stopping], timeout=STOP_SECONDS)
            finally:
                if not stopping.done():
                    await _drop(producer)

    async def _started(self) -> AIOKafkaProducer:
        # Appends to several partitions come side by side, and all but one would leave a producer that nobody stops.
        async with self._starting:
            if self._producer is None:
                producer = new_producer(
                    self.cluster,
                    enable_idempotence=True,
                    compression_type="zstd",
                    max_batch_size=RECORD_BYTES_MOST,
                    max_request_size=RECORD_BYTES_MOST,
                )
                try:
                    with kafka_errors(self.cluster):
                        await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> list[Appended]:
        """Append in order, each batch after the acknowledgement of the one before.

        Returns each batch, in order. Raises: KafkaUnreachableError; then call `reset`.
        """
        acknowledged = []
        for start, stop in _cuts(records):
            producer = await self._started()
            batch = producer.create_batch()
            _fill(batch, records[start:stop])
            batch.close()
            with kafka_errors(self.cluster):
                async with asyncio.timeout(REQUEST_TIMEOUT_S):
                    future = await producer.send_batch(batch, self.cluster.topic(topic), partition=partition)
                    metadata = await future
            acknowledged.append(Appended(metadata.offset, stop - start, metadata.timestamp))
        return acknowledged


async def _drop(producer: AIOKafkaProducer) -> None:
    """End a producer with all that it has not sent: left alone it would go on to try for ever, and might append long
    after its owner has read what is there. What is on its way may still arrive.
    """
    if producer._sender.sender_task is not None:
        producer._sender.sender_task.cancel()
    await producer.client.close()
    producer._message_accumulator.fail_all(KafkaError("the producer was stopped"))


def _fill(batch: Any, records: Sequence[Record]) -> None:
    """Like `batch.append` for every record, but without its per-record checks of serializers and the clock."""
    append, now = batch._builder.append, int(time.time() * 1000)
    for index, record in enumerate(records):
        headers = list(record.headers) if record.headers else _NO_HEADERS
        ms = now if record.ms is None else record.ms
        if append(index, ms, record.key, record.value, headers) is None:
            raise ValueError(f"a record of {len(record.value or b'')} bytes does not fit {RECORD_BYTES_MOST} bytes")
    batch._relative_offset = len(records)


def header_bytes(headers: Sequence[tuple[str, bytes | None]]) -> int:
    """Most bytes of these headers in a record; a header may have a name and no value."""
    return sum(len(name.encode()) + len(value or b"") + _HEADER_BYTES for name, value in headers)


def _cuts(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Index ranges of at most BATCH_BYTES each; a record above that stands alone."""
    cuts, start, size = [], 0, 0
    for index, record in enumerate(records):
        weight = len(record.value or b"") + _ENVELOPE_BYTES
        if record.key or record.headers:
            weight += len(record.key or b"") + header_bytes(record.headers)
        if size and size + weight > BATCH_BYTES:
            cuts.append((start, index))
            start, size = index, 0
        size += weight
    return [*cuts, (start, len(records))] if records else []


class SharedWriter:
    """One producer for all requests of a process: it starts with the first append and outlives restarts of brokers.

    While brokers are away its batches wait, and are sent once they are back, each once. A caller that has waited long
    enough is told that nothing was confirmed. After any other failure, later callers get a new producer; callers still
    using the old one have STOP_SECONDS to learn the fate of their own batches, and then are told the same.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._writer: BatchWriter | None = None
        self._starting = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(self._writer)
        await asyncio.gather(*self._leaving)

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> list[Appended]:
        """Append in order; returns once all of it is acknowledged. Raises: KafkaUnreachableError."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                writer = await self._opened()
                try:
                    return await writer.append(topic, partition, records)
                except KafkaUnreachableError as error:
                    # A waiting batch has kept its place, so its producer is sound.
                    if not isinstance(error.__cause__, TimeoutError):
                        self._leave(writer)
                    raise
        except TimeoutError as error:
            raise KafkaUnreachableError(self._cluster, error) from error

    async def _opened(self) -> BatchWriter:
        async with self._starting:
            if self._writer is None:
                writer = BatchWriter(self._cluster)
                await writer.start()
                self._writer = writer
            return self._writer

    def _leave(self, writer: BatchWriter | None) -> None:
        """Release a producer in the background, because its pending batches have a moment to be sent."""
        if writer is not None and self._writer is writer:
            self._writer = None
            leaving = asyncio.create_task(writer.reset())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
