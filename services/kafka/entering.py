"""Checks whether a cluster lets us in: aiokafka's clients only log a refusal, and reconnect for ever."""

import ssl
from typing import Literal

from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from services.failures import ExpectedFailure, Passing, Worded
from services.kafka.clients import connection_options
from services.kafka.cluster import ClientCredentials, Cluster, MskIam, Password
from services.kafka.credentials import NoTokenError

_MECHANISM = "TRUEUP_KAFKA_SASL_MECHANISM"
_PROTOCOL = "TRUEUP_KAFKA_SECURITY_PROTOCOL"
#: The step that refused us: the TLS handshake, or the steps after it.
Door = Literal["tls", "login"]


class NotLetInError(Worded, ExpectedFailure):
    """Kafka at {address} {what}; {check}"""

    def __init__(self, address: str, door: Door, what: str, check: str) -> None:
        super().__init__(address=address, what=what, check=check)
        self.door = door


class ClosedError(Worded, Passing):
    """{address} closes the connection when it is spoken to as {protocol}; if that stays so, check
    TRUEUP_KAFKA_SECURITY_PROTOCOL and the port
    """

    def __init__(self, address: str, protocol: str) -> None:
        super().__init__(address=address, protocol=protocol)


async def enter(cluster: Cluster, seconds: float) -> None:
    """Connect to one of the addresses and log in, within this many seconds.

    Raises: NotLetInError, which waiting does not fix; errors of making a client; ClosedError and temporary failures.
    """
    last: Exception = ValueError("no address is given")
    hosts = addresses_of(cluster)
    for host, port in hosts:
        try:
            # A broker that never answers must not hide the others.
            connection = await let_in(cluster, host, port, seconds / len(hosts))
            connection.close()
            return
        except NotLetInError:
            raise
        except Exception as error:
            last = error
    raise last


def addresses_of(cluster: Cluster) -> list[tuple[str, int]]:
    """The given addresses, in random order: host and port."""
    return [(host, port) for host, port, _ in collect_hosts(cluster.bootstrap)]


async def let_in(cluster: Cluster, host: str, port: int, seconds: float) -> AIOKafkaConnection:
    """A connection to this one broker, which has let us in. Raises: as `enter`."""
    options = connection_options(cluster)
    del options["bootstrap_servers"]
    options["request_timeout_ms"] = int(seconds * 1000)
    address = f"{host}:{port}"
    try:
        connection = await create_conn(host, port, **options)
        try:
            await connection.send(MetadataRequest([]))  # a client that has not logged in is refused only now
        except BaseException:
            connection.close()
            raise
        return connection
    except Exception as error:
        refused = _refusal(cluster, address, error)
        if refused is not None:
            raise refused from error
        if _is_closed(error):
            raise ClosedError(address, cluster.protocol) from error
        raise


def _is_closed(error: Exception) -> bool:
    return isinstance(error, ConnectionResetError | KafkaConnectionError) and not isinstance(error, NoTokenError)


def _refusal(cluster: Cluster, address: str, error: Exception) -> NotLetInError | None:
    """A definite refusal in words, with the settings to check; None if the failure may be temporary."""
    text = str(error)
    no: tuple[Door, str, str] | None = None
    match error:
        case SaslAuthenticationFailed():
            said = text.removeprefix("[Error 58] SaslAuthenticationFailed: ")
            no = "login", f"does not let in {cluster.user} ({said})", _proof_of(cluster)
        case UnsupportedSaslMechanismError():
            no = "login", f"does not take {_mechanism(cluster)}", f"check {_MECHANISM}"
        case IllegalSaslStateError():
            no = "login", "takes no SASL on this port", f"check {_PROTOCOL} and the port"
        case ssl.SSLCertVerificationError():
            no = "tls", f"shows a certificate that is not trusted: {error.verify_message}", _trust_of(cluster)
        case Exception(__cause__=ssl.SSLError(reason=alert)) if cluster.tls is not None:
            # A broker reports problems with a client's certificate only after the handshake, in an alert.
            what = "refuses our certificate" if cluster.tls.certificate_file else "wants a certificate of ours"
            no = "tls", f"{what} ({alert})", "check TRUEUP_KAFKA_CERTIFICATE_FILE and TRUEUP_KAFKA_KEY_FILE"
    return None if no is None else NotLetInError(address, *no)


def _proof_of(cluster: Cluster) -> str:
    match cluster.login:
        case Password():
            return f"check TRUEUP_KAFKA_USERNAME, TRUEUP_KAFKA_PASSWORD or its file, and {_MECHANISM}"
        case ClientCredentials():
            return "check which issuer, audience and scope the brokers ask of a token, and TRUEUP_KAFKA_OAUTH_SCOPE"
        case MskIam():
            return "check TRUEUP_KAFKA_AWS_REGION, and that the identity's policy has kafka-cluster:Connect"
        case None:
            return f"check {_PROTOCOL}"


def _mechanism(cluster: Cluster) -> str:
    return cluster.login.mechanism if isinstance(cluster.login, Password) else "OAUTHBEARER"


def _trust_of(cluster: Cluster) -> str:
    if cluster.tls is not None and cluster.tls.ca_file is not None:
        return f"TRUEUP_KAFKA_CA_FILE {cluster.tls.ca_file} must hold who signed it, and the address be a name in it"
    return "TRUEUP_KAFKA_CA_FILE must name who signed it, or this machine trust it, and the address be a name in it"
