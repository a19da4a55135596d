"""Makes a Cluster, which is all that Kafka clients need to connect, from the settings."""

from pathlib import Path

from pydantic import SecretStr

from services.kafka import ClientCredentials, Cluster, MskIam, Password, Tls
from services.kafka.cluster import Login
from services.run.settings import Settings


def given_cluster(settings: Settings) -> Cluster | None:
    """The cluster that the settings name; None if they name none."""
    return None if settings.kafka_bootstrap is None else cluster_at(settings.kafka_bootstrap, settings)


def cluster_at(bootstrap: str, settings: Settings) -> Cluster:
    """The cluster at these addresses (`host:port,...`), with the TLS and login that the settings give."""
    tls = None
    if settings.kafka_has_tls:
        tls = Tls(
            _path(settings.kafka_ca_file),
            _path(settings.kafka_certificate_file),
            _path(settings.kafka_key_file),
            _secret(settings.kafka_key_password),
        )
    return Cluster(bootstrap, tls, _login(settings), settings.kafka_client_id, settings.kafka_topic_prefix)


def _login(settings: Settings) -> Login | None:
    match settings.kafka_sasl_mechanism:
        case None:
            return None
        case "OAUTHBEARER":
            url, client = settings.kafka_oauth_token_url or "", settings.kafka_oauth_client_id or ""
            secret = _secret(settings.kafka_oauth_client_secret) or ""
            return ClientCredentials(url, client, secret, settings.kafka_oauth_scope)
        case "AWS_MSK_IAM":
            return MskIam(settings.kafka_aws_region)
        case mechanism:
            return Password(mechanism, settings.kafka_username or "", _secret(settings.kafka_password) or "")


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path.expanduser())


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
