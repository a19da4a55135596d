"""Does a cluster let us in? aiokafka's clients say why it does not to their log only, and connect again for ever."""

import ssl

from aiokafka.conn import collect_hosts, create_conn
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
from services.kafka.tokens import NoTokenError

_MECHANISM = "TRUEUP_KAFKA_SASL_MECHANISM"
_PROTOCOL = "TRUEUP_KAFKA_SECURITY_PROTOCOL"


class NotLetInError(Worded, ExpectedFailure):
    """Kafka at {address} {what}; {check}"""

    def __init__(self, address: str, what: str, check: str) -> None:
        super().__init__(address=address, what=what, check=check)


class ClosedError(Worded, Passing):
    """{address} closes the connection when it is spoken to as {protocol}; if that stays so, check
    TRUEUP_KAFKA_SECURITY_PROTOCOL and the port
    """

    def __init__(self, address: str, protocol: str) -> None:
        super().__init__(address=address, protocol=protocol)


async def enter(cluster: Cluster, seconds: float) -> None:
    """Connect to one of the addresses and be let in, within so many seconds.

    Raises: NotLetInError, which no waiting mends; what making a client raises; ClosedError, and whatever else may pass.
    """
    options = connection_options(cluster)
    del options["bootstrap_servers"]
    last: Exception = ValueError("no address is given")
    hosts = collect_hosts(cluster.bootstrap)
    # One that swallows what it is sent hides no other.
    options["request_timeout_ms"] = int(seconds * 1000 / len(hosts))
    for host, port, _ in hosts:
        try:
            connection = await create_conn(host, port, **options)
            try:
                await connection.send(MetadataRequest([]))  # who has not logged in is not told before
            finally:
                connection.close()
            return
        except Exception as error:
            address = f"{host}:{port}"
            refused = _refusal(cluster, address, error)
            if refused is not None:
                raise refused from error
            last = ClosedError(address, cluster.protocol) if _is_closed(error) else error
    raise last


def _is_closed(error: Exception) -> bool:
    return isinstance(error, ConnectionResetError | KafkaConnectionError) and not isinstance(error, NoTokenError)


def _refusal(cluster: Cluster, address: str, error: Exception) -> NotLetInError | None:
    """What it says if it is a definite no, in words and with the settings to look at; None if it may pass."""
    text, no = str(error), None
    match error:
        case SaslAuthenticationFailed():
            said = text.removeprefix("[Error 58] SaslAuthenticationFailed: ")
            no = f"does not let in {cluster.user} ({said})", _proof_of(cluster)
        case UnsupportedSaslMechanismError():
            no = f"does not take {_mechanism(cluster)}", f"check {_MECHANISM}"
        case IllegalSaslStateError():
            no = "takes no SASL on this port", f"check {_PROTOCOL} and the port"
        case ssl.SSLCertVerificationError():
            no = f"shows a certificate that is not trusted: {error.verify_message}", _trust_of(cluster)
        case Exception(__cause__=ssl.SSLError(reason=alert)) if cluster.tls is not None:
            # Of a client's certificate a broker says what it thinks only after the handshake, in an alert.
            what = "refuses our certificate" if cluster.tls.certificate_file else "wants a certificate of ours"
            no = f"{what} ({alert})", "check TRUEUP_KAFKA_CERTIFICATE_FILE and TRUEUP_KAFKA_KEY_FILE"
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
