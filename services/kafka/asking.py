"""Queries to a cluster about its brokers, our rights, and the settings of topics. They change nothing."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from services.kafka.authorized import AskGroups, AskMetadata
from services.kafka.clients import new_admin
from services.kafka.cluster import Cluster

#: The value for rights that a broker was not asked for, or does not know.
_NOT_TOLD = -(2**31)
#: The request whose version 7 came with Kafka 3.0 (KIP-734).
_LIST_OFFSETS, _OF_3_0 = 2, 7


class Operation(IntEnum):
    """Operations of ACLs, by Kafka's numbers."""

    READ = 3
    WRITE = 4
    CREATE = 5
    ALTER = 7
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11


def certificate_ends(connection: AIOKafkaConnection) -> datetime | None:
    """The expiry of the certificate that the broker has shown; None without TLS."""
    shown = connection._writer.get_extra_info("peercert") or {}
    ends = shown.get("notAfter")
    return None if ends is None else datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)


def is_of_least_version(connection: AIOKafkaConnection) -> bool:
    """Whether the broker is Kafka 3.0 or newer: older brokers require a right on the cluster for idempotent writing."""
    _, newest = connection._versions.get(_LIST_OFFSETS, (0, 0))
    return bool(newest >= _OF_3_0)


class Broker(NamedTuple):
    """A broker of the cluster, and the address that it gives for itself."""

    node: int
    host: str
    port: int


async def brokers_of(connection: AIOKafkaConnection) -> list[Broker]:
    """The brokers of the cluster, according to this one."""
    answer = await connection.send(AskMetadata([]))
    return [Broker(node, host, port) for node, host, port, _ in answer.brokers]


@dataclass(frozen=True, slots=True)
class TopicSeen:
    """An existing topic: replicas are those of the partition with the fewest. `may` None: the cluster does not tell our
    rights.
    """

    partitions: int
    replicas: int
    may: frozenset[Operation] | None


@dataclass(frozen=True, slots=True)
class Metadata:
    """The existing topics, and those that we may not see, by our names for them."""

    topics: dict[str, TopicSeen] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()


class QueryClient:
    """A client for queries, for the length of a block. Raises: all errors of aiokafka."""

    def __init__(self, cluster: Cluster, seconds: float) -> None:
        self._cluster, self._seconds = cluster, seconds
        self._admin: AIOKafkaAdminClient | None = None

    async def __aenter__(self) -> Self:
        self._admin = new_admin(self._cluster, request_timeout_ms=int(self._seconds * 1000))
        try:
            await self._admin.start()
        except BaseException:
            await self._admin.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._admin is not None:
            await self._admin.close()
            self._admin = None

    @property
    def _open(self) -> AIOKafkaAdminClient:
        assert self._admin is not None, "use QueryClient as an async context manager"
        return self._admin

    async def metadata(self, topics: Iterable[str]) -> Metadata:
        """The existing ones of these topics. The query creates none."""
        ours = {self._cluster.topic(topic): topic for topic in topics}
        return _metadata(ours, await self._open._send_request(AskMetadata(sorted(ours))))

    async def settings(self, topic: str) -> Mapping[str, str | None] | None:
        """The topic's effective settings; None if we may not see them."""
        resource = ConfigResource(ConfigResourceType.TOPIC, self._cluster.topic(topic))
        settings: dict[str, str | None] = {}
        for answer in await self._open.describe_configs([resource]):
            for code, message, _, _, entries in answer.resources:
                if for_code(code) is TopicAuthorizationFailedError:
                    return None
                if code:
                    raise for_code(code)(message)
                settings |= {entry[0]: entry[1] for entry in entries}
        return settings

    async def allowed_of_group(self, group: str) -> frozenset[Operation] | None:
        """Our rights on the group, which need not exist; None if the cluster does not tell."""
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    try:
                        return await self._ask_group(self._cluster.group(group))
                    except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError, GroupLoadInProgressError):
                        await asyncio.sleep(0.1)  # its table of groups was just created, or is moving
        except GroupAuthorizationFailedError:
            return frozenset()

    async def _ask_group(self, name: str) -> frozenset[Operation] | None:
        node = await self._open.find_coordinator(name)
        answer: Any = await self._open._send_request_to_node(node, AskGroups([name]))
        [(code, *_, operations)] = answer.groups
        if code:
            raise for_code(code)(name)
        return _operations(operations)


def _metadata(ours: Mapping[str, str], answer: Any) -> Metadata:
    topics, hidden = {}, set()
    for code, name, _, partitions, operations in answer.topics:
        kind = for_code(code)
        if kind is TopicAuthorizationFailedError:
            hidden.add(ours[name])
        elif code and kind is not UnknownTopicOrPartitionError:
            raise kind(name)
        elif not code:
            replicas = min(len(partition[4]) for partition in partitions)
            topics[ours[name]] = TopicSeen(len(partitions), replicas, _operations(operations))
    return Metadata(topics, frozenset(hidden))


def _operations(bits: int) -> frozenset[Operation] | None:
    if bits == _NOT_TOLD:
        return None
    return frozenset(operation for operation in Operation if bits & 1 << operation)
