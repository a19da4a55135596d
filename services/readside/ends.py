"""Where a topic ends, asked of Kafka once for all who want to know at the same moment."""

import asyncio
from contextlib import AsyncExitStack

from events.topics import USAGE
from services.breaks import TopicMissingError
from services.kafka import Cluster, KafkaAdmin, KafkaUnreachableError, LogReader
from services.shared_answers import SharedAnswer

#: How long Kafka may take to say where a topic ends.
KAFKA_SECONDS = 10.0


class TopicEnds:
    """The ends of all partitions of a topic, those included that somebody has added; of `usage` the last stable ones.

    Asked through clients that are kept until they fail.
    """

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._cluster, self._topic = cluster, topic
        self._clients = AsyncExitStack()
        self._open: tuple[KafkaAdmin, LogReader] | None = None
        self._shared = SharedAnswer(self._ask)

    async def get(self, seconds: float = KAFKA_SECONDS) -> dict[int, int]:
        """The next offset of each partition, not older than the question.

        Raises: KafkaUnreachableError, TopicMissingError.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._shared.get()
        except TimeoutError as error:
            raise KafkaUnreachableError(self._cluster, "no answer in time") from error

    async def _ask(self) -> dict[int, int]:
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                if self._open is None:
                    admin = await self._clients.enter_async_context(KafkaAdmin(self._cluster))
                    reader = LogReader(self._cluster, committed=self._topic == USAGE)
                    self._open = admin, await self._clients.enter_async_context(reader)
                admin, reader = self._open
                counts = await admin.partition_counts([self._topic])
                if self._topic not in counts:
                    raise TopicMissingError(self._cluster, self._topic)
                return await reader.end_offsets(self._topic, range(counts[self._topic]))
        except BaseException:
            await self._drop()
            raise

    async def _drop(self) -> None:
        """The next question is asked by new clients."""
        self._open = None
        await self._clients.aclose()

    async def close(self) -> None:
        """Let the reader go."""
        await self._shared.close()
        await self._drop()
