"""Which Kafka it is and how it is entered, in one value: whoever speaks to it is given this, not an address alone."""

from dataclasses import dataclass, field
from typing import Literal

#: What brokers' logs and quotas know us by.
CLIENT_ID = "trueup"


@dataclass(frozen=True, slots=True)
class Tls:
    """How brokers prove who they are, and we: files in PEM form, of which none is read before a client is made."""

    #: Who signs brokers' certificates; None is whom this machine trusts.
    ca_file: str | None = None
    #: Our own certificate, with those between it and its CA; None is no proof of ours.
    certificate_file: str | None = None
    #: Its key; None is that it stands in the file of the certificate.
    key_file: str | None = None
    key_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Password:
    """A name and a password. PLAIN shows the broker the password, SCRAM only that we know it."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAUTHBEARER: bearer tokens of a server that gives them to who knows the secret of a client (RFC 6749, 4.4)."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class MskIam:
    """Amazon MSK's IAM: OAUTHBEARER with tokens that we sign by whatever AWS credentials this process finds."""

    #: None is what AWS_REGION or the AWS configuration says.
    region: str | None = None


Login = Password | ClientCredentials | MskIam


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka and the way into it; `str` of it are its addresses, and no form of it shows a secret.

    A broker on this machine is `Cluster("127.0.0.1:9092")`.
    """

    #: `host:port`, or several separated by commas.
    bootstrap: str
    tls: Tls | None = None
    login: Login | None = None
    client_id: str = CLIENT_ID
    #: What the names of our topics and groups begin with in this cluster, so that several of us may share it. Everybody
    #: speaks of topics without it; it is put on where a client is asked, and where a person is told of a topic.
    prefix: str = ""

    def __str__(self) -> str:
        return self.bootstrap

    def topic(self, name: str) -> str:
        """What a topic of ours is called in this cluster."""
        return self.prefix + name

    def group(self, name: str) -> str:
        """What a consumer group of ours is called in this cluster."""
        return self.prefix + name

    @property
    def protocol(self) -> str:
        """What Kafka calls the way in, as SASL_SSL."""
        return ("SASL_" if self.login else "") + ("SSL" if self.tls else "PLAINTEXT")

    @property
    def user(self) -> str:
        """As whom we come, in words."""
        match self.login:
            case Password(username=name):
                return f"user {name!r}"
            case ClientCredentials(client_id=name):
                return f"the principal of OAuth client {name!r}"
            case MskIam():
                return "the AWS identity of this process"
        return "the principal of our certificate" if self.tls and self.tls.certificate_file else "nobody (ANONYMOUS)"
