"""Which Kafka it is, in one value: whoever speaks to it is given this, and nobody an address alone."""

from dataclasses import dataclass

#: What brokers' logs and quotas know us by.
CLIENT_ID = "trueup"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka and the way into it; `str` of it are its addresses.

    A broker on this machine is `Cluster("127.0.0.1:9092")`.
    """

    #: `host:port`, or several separated by commas.
    bootstrap: str
    client_id: str = CLIENT_ID

    def __str__(self) -> str:
        return self.bootstrap
