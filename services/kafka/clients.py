"""Clients of a cluster, one function for each kind: all connection options are set here.

Raises, all of them: TlsFileError, ExtraMissingError, NoRegionError.
"""

from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from services.kafka.cluster import Cluster, Password
from services.kafka.credentials import tls_context, tokens_of

if TYPE_CHECKING:
    from faststream.kafka import KafkaBroker


def new_producer(cluster: Cluster, **options: Any) -> AIOKafkaProducer:
    """A producer, not yet started; `options` are aiokafka's."""
    return AIOKafkaProducer(**connection_options(cluster), **options)


def new_consumer(cluster: Cluster, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer, not yet started."""
    return AIOKafkaConsumer(*topics, **connection_options(cluster), **options)


def new_admin(cluster: Cluster, **options: Any) -> AIOKafkaAdminClient:
    """A client for topics and groups, not yet started."""
    return AIOKafkaAdminClient(**connection_options(cluster), **options)


def new_client(cluster: Cluster, **options: Any) -> AIOKafkaClient:
    """A bare client, not yet connected, for queries about the brokers."""
    return AIOKafkaClient(**connection_options(cluster), **options)


def new_broker(cluster: Cluster, **options: Any) -> "KafkaBroker":
    """FastStream's broker, not yet started; `options` are FastStream's."""
    from faststream.kafka import KafkaBroker  # takes a while to import, and only workers need it
    from faststream.security import BaseSecurity, SASLOAuthBearer, SASLPlaintext, SASLScram256, SASLScram512

    by_name = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    way: dict[str, Any] = {
        "ssl_context": tls_context(cluster.tls) if cluster.tls else None,
        "use_ssl": cluster.tls is not None,
    }
    match cluster.login:
        case None:
            options["security"] = BaseSecurity(**way)
        case Password(mechanism, username, password):
            options["security"] = by_name[mechanism](username, password, **way)
        case login:
            options["security"] = SASLOAuthBearer(**way)
            options["sasl_oauth_token_provider"] = tokens_of(login)
    # FastStream takes a text as one address, commas included; the clients beside it split the text.
    addresses = [address.strip() for address in cluster.bootstrap.split(",")]
    return KafkaBroker(addresses, client_id=cluster.client_id, **options)


def connection_options(cluster: Cluster) -> dict[str, Any]:
    """The options of every client of aiokafka."""
    told: dict[str, Any] = {
        "bootstrap_servers": cluster.bootstrap,
        "client_id": cluster.client_id,
        "security_protocol": cluster.protocol,
    }
    if cluster.tls is not None:
        told["ssl_context"] = tls_context(cluster.tls)
    match cluster.login:
        case None:
            return told
        case Password(mechanism, username, password):
            return told | {
                "sasl_mechanism": mechanism,
                "sasl_plain_username": username,
                "sasl_plain_password": password,
            }
        case login:
            return told | {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": tokens_of(login)}
