"""Queries about the cluster that no consumer answers: the existing topics, and the note of a group.

A note is stored as the committed offset of a consumer group without members: a durable place outside of Postgres, for
values that must survive a restore of Postgres.
"""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError
from aiokafka.structs import OffsetAndMetadata

from services.kafka.clients import new_admin, new_consumer
from services.kafka.cluster import Cluster
from services.kafka.failures import REQUEST_TIMEOUT_S, kafka_errors


class Note(NamedTuple):
    """A number, stored as an offset, and its subject."""

    number: int
    text: str


class KafkaAdmin:
    """An admin client, open for the length of a block. Raises: KafkaUnreachableError."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._client: AIOKafkaAdminClient | None = None

    async def __aenter__(self) -> Self:
        client = new_admin(self.cluster, request_timeout_ms=int(REQUEST_TIMEOUT_S * 1000))
        try:
            with kafka_errors(self.cluster):
                await client.start()
        except BaseException:
            await client.close()
            raise
        self._client = client
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    @property
    def _open(self) -> AIOKafkaAdminClient:
        assert self._client is not None, "use KafkaAdmin as an async context manager"
        return self._client

    async def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """The partition count of each topic, without missing topics."""
        with kafka_errors(self.cluster):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                # A query for a topic by name might create it, if the cluster is set so.
                by_name = {self.cluster.topic(topic): topic for topic in topics}
                wanted = sorted(by_name.keys() & set(await self._open.list_topics()))
                described = await self._open.describe_topics(wanted) if wanted else []
        return {
            by_name[topic_described["topic"]]: len(topic_described["partitions"])
            for topic_described in described
            if topic_described["partitions"]
        }

    async def read_note(self, group: str, topic: str) -> Note | None:
        """The group's note at partition 0 of the topic; None if there is none, or no longer."""
        topic_partition = TopicPartition(self.cluster.topic(topic), 0)
        with kafka_errors(self.cluster):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                notes = await self._noted(self.cluster.group(group), topic_partition)
        note = notes.get(topic_partition)
        return None if note is None or note.offset < 0 else Note(note.offset, note.metadata)

    async def _noted(self, group: str, topic_partition: TopicPartition) -> dict[TopicPartition, OffsetAndMetadata]:
        """A new cluster creates its table of groups on the first query, and a moved table takes a moment."""
        while True:
            try:
                return dict(await self._open.list_consumer_group_offsets(group, partitions=[topic_partition]))
            except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError, GroupLoadInProgressError):
                await asyncio.sleep(0.1)


class NoteWriter:
    """Writes a group's note, at partition 0 of a topic. Raises: KafkaUnreachableError."""

    def __init__(self, cluster: Cluster, group: str, topic: str) -> None:
        self._cluster, self._group = cluster, cluster.group(group)
        self._partition = TopicPartition(cluster.topic(topic), 0)
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        consumer = new_consumer(self._cluster, group_id=self._group, enable_auto_commit=False, auto_offset_reset="none")
        try:
            with kafka_errors(self._cluster):
                await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        consumer.assign([self._partition])
        consumer.pause(self._partition)
        self._consumer = consumer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    async def write(self, note: Note) -> None:
        """Store the note, replacing the last one."""
        assert self._consumer is not None, "use NoteWriter as an async context manager"
        with kafka_errors(self._cluster):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await self._consumer.commit({self._partition: OffsetAndMetadata(note.number, note.text)})
