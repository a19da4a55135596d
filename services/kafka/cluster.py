"""A Kafka cluster and the way into it, as one value that all its users get, instead of an address alone."""

from dataclasses import dataclass, field
from typing import Literal

#: Our name in brokers' logs and quotas.
CLIENT_ID = "trueup"


@dataclass(frozen=True, slots=True)
class Tls:
    """How brokers prove their identity, and we ours: PEM files, which are read only when a client is made."""

    #: The CA of brokers' certificates; None: those that this machine trusts.
    ca_file: str | None = None
    #: Our own certificate, with its chain; None: we show none.
    certificate_file: str | None = None
    #: The certificate's key; None: it is in the certificate's file.
    key_file: str | None = None
    key_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Password:
    """A name and a password. PLAIN sends the broker the password, SCRAM only a proof of knowing it."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAUTHBEARER: bearer tokens from a server that gives them for a client's id and secret (RFC 6749, 4.4)."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class MskIam:
    """Amazon MSK's IAM: OAUTHBEARER with tokens that we sign by whatever AWS credentials this process finds."""

    #: None: the region in AWS_REGION or the AWS configuration.
    region: str | None = None


Login = Password | ClientCredentials | MskIam


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka and the way into it; `str` gives its addresses, and no form of it shows a secret.

    A broker on this machine is `Cluster("127.0.0.1:9092")`.
    """

    #: `host:port`, or several separated by commas.
    bootstrap: str
    tls: Tls | None = None
    login: Login | None = None
    client_id: str = CLIENT_ID
    #: The prefix of our topics' and groups' names in this cluster, so that several installations may share it. The code
    #: uses names without the prefix; it is added in requests to clients and in messages to people.
    prefix: str = ""

    def __str__(self) -> str:
        return self.bootstrap

    def topic(self, name: str) -> str:
        """The name of one of our topics in this cluster."""
        return self.prefix + name

    def group(self, name: str) -> str:
        """The name of one of our consumer groups in this cluster."""
        return self.prefix + name

    @property
    def protocol(self) -> str:
        """Kafka's name for the way in, such as SASL_SSL."""
        return ("SASL_" if self.login else "") + ("SSL" if self.tls else "PLAINTEXT")

    @property
    def user(self) -> str:
        """The user that we connect as, in words."""
        match self.login:
            case Password(username=name):
                return f"user {name!r}"
            case ClientCredentials(client_id=name):
                return f"the principal of OAuth client {name!r}"
            case MskIam():
                return "the AWS identity of this process"
        return "the principal of our certificate" if self.tls and self.tls.certificate_file else "nobody (ANONYMOUS)"
