"""Where a topic ends, asked of Kafka once for all who want to know at the same moment."""

import asyncio
from contextlib import suppress

from aiokafka.errors import KafkaError

from services.kafka import KafkaUnreachableError, LogReader
from services.shared import SharedAnswer

#: How long Kafka may take to say where a topic ends.
KAFKA_SECONDS = 10.0


class TopicEnds:
    """The ends of one topic's partitions, through a reader that is kept until it fails."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic
        self._partitions = 1
        self._reader: LogReader | None = None
        self._shared = SharedAnswer(self._ask)

    async def get(self, partitions: int, seconds: float = KAFKA_SECONDS) -> dict[int, int]:
        """The next offset of each partition, not older than the question. Raises: KafkaUnreachableError."""
        self._partitions = partitions
        try:
            async with asyncio.timeout(seconds):
                return await self._shared.get()
        except (TimeoutError, KafkaError) as error:
            raise KafkaUnreachableError(self._bootstrap, str(error) or "no answer in time") from error

    async def _ask(self) -> dict[int, int]:
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                if self._reader is None:
                    self._reader = await LogReader(self._bootstrap).__aenter__()
                return await self._reader.end_offsets(self._topic, range(self._partitions))
        except BaseException:
            await self._drop()
            raise

    async def _drop(self) -> None:
        """The next question is asked by a new reader."""
        reader, self._reader = self._reader, None
        if reader is not None:
            with suppress(KafkaError):
                await reader.__aexit__(None, None, None)

    async def close(self) -> None:
        """Let the reader go."""
        await self._shared.close()
        await self._drop()
