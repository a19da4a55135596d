"""Clients of a cluster, one function for each kind: all that a client must be told of its cluster is told here."""

from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from services.kafka.cluster import Cluster

if TYPE_CHECKING:
    from faststream.kafka import KafkaBroker


def new_producer(cluster: Cluster, **options: Any) -> AIOKafkaProducer:
    """A producer, not yet started; `options` are aiokafka's."""
    return AIOKafkaProducer(**_connection(cluster), **options)


def new_consumer(cluster: Cluster, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer, not yet started."""
    return AIOKafkaConsumer(*topics, **_connection(cluster), **options)


def new_admin(cluster: Cluster, **options: Any) -> AIOKafkaAdminClient:
    """A client for topics and groups, not yet started."""
    return AIOKafkaAdminClient(**_connection(cluster), **options)


def new_client(cluster: Cluster, **options: Any) -> AIOKafkaClient:
    """A bare client, not yet connected: it only asks who the brokers are."""
    return AIOKafkaClient(**_connection(cluster), **options)


def new_broker(cluster: Cluster, **options: Any) -> "KafkaBroker":
    """FastStream's broker, not yet started; `options` are FastStream's."""
    from faststream.kafka import KafkaBroker  # takes a while to import, and only workers need it

    return KafkaBroker(**_connection(cluster), **options)


def _connection(cluster: Cluster) -> dict[str, Any]:
    return {"bootstrap_servers": cluster.bootstrap, "client_id": cluster.client_id}
