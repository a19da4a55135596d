"""Appends for many who ask at once, through one producer."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from services.kafka.cluster import Cluster
from services.kafka.failures import REQUEST_TIMEOUT_S, KafkaUnreachableError
from services.kafka.writing import Appended, BatchWriter, Record


class SharedWriter:
    """One producer for all requests of a process: it begins with the first append and outlives restarts of brokers.

    While brokers are away its batches wait, and go out when they are back, each once. Who has waited long enough is
    told that nothing was confirmed. Any other failure takes the producer from those who come later; who is on the way
    through it hears what became of its own.
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
                    # A batch that waits has lost nothing of its place: its producer is sound.
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
        """Let go of a producer, in the background: to stop takes as long as what is on its way."""
        if writer is not None and self._writer is writer:
            self._writer = None
            leaving = asyncio.create_task(writer.reset())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
