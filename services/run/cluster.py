"""The Kafka that the settings speak of, as everybody below is given it."""

from services.kafka import Cluster
from services.run.settings import Settings


def given_cluster(settings: Settings) -> Cluster | None:
    """The one whose addresses are given."""
    return None if settings.kafka_bootstrap is None else cluster_at(settings.kafka_bootstrap, settings)


def cluster_at(bootstrap: str, settings: Settings) -> Cluster:
    """The one that answers there, entered as the settings say."""
    return Cluster(bootstrap)
