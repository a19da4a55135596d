"""The settings by which Kafka and Postgres are reached, with checks of which of them go together."""

import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.failures import Worded
from services.postgres_url import PostgresUrl

PREFIX = "TRUEUP_"
#: Settings whose values no message shows. Each may be in a file instead, which setting `<name>_file` names.
SECRETS = (
    *("kafka_password", "kafka_key_password", "kafka_oauth_client_secret", "database_url", "database_password"),
    *("database_pooler_url", "token_secret", "checkpoint_secret", "api_secret", "webhook_key", "personal_key"),
)
_ADDRESS = re.compile(r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$")
_NAME = re.compile(r"^([A-Za-z0-9_-][A-Za-z0-9._-]{0,99})?$")
_PASSWORD_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_OAUTH = ("kafka_oauth_token_url", "kafka_oauth_client_id", "kafka_oauth_client_secret")


class WrongSettingError(Worded):
    """TRUEUP_{name} {what}"""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(name=field.upper(), what=what)


class ServerSettings(BaseSettings):
    """Base of all settings: they are read from `TRUEUP_<NAME>`, and an empty variable counts as not given."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    def _given(self, *names: str) -> list[str]:
        """Those of these settings that have a value."""
        return [name for name in names if getattr(self, name) is not None]


class KafkaSettings(ServerSettings):
    """Address of your Kafka, and how to connect to it. For an embedded Kafka, only client id and topic prefix apply."""

    kafka_bootstrap: str | None = None
    """Addresses of your Kafka, `host:port[,host:port...]`; without it Kafka is embedded."""
    kafka_client_id: str = "trueup"
    """`client.id`: what brokers' logs and quotas know our clients by."""
    kafka_topic_prefix: str = ""
    """What the names of our topics and consumer groups begin with, such as `acme.`, so that several may share a Kafka.
    For life, like the topics.
    """
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] | None = None
    """How brokers are spoken to: with TLS (SSL) or without, after a login (SASL) or without; PLAINTEXT unless set."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"] | None = None
    """How we log in. AWS_MSK_IAM needs the extra `msk`."""
    kafka_username: str | None = None
    """Whom we log in as, with PLAIN or SCRAM."""
    kafka_password: SecretStr | None = None
    """The password, with PLAIN or SCRAM."""
    kafka_password_file: Path | None = None
    """A file that holds it."""
    kafka_ca_file: Path | None = None
    """PEM file of who signs the brokers' certificates; without it, whoever this machine trusts."""
    kafka_certificate_file: Path | None = None
    """PEM file of our own certificate, where brokers ask for one; it may hold the key as well."""
    kafka_key_file: Path | None = None
    """PEM file of the certificate's key."""
    kafka_key_password: SecretStr | None = None
    """What the key is encrypted with."""
    kafka_key_password_file: Path | None = None
    """A file that holds it."""
    kafka_oauth_token_url: str | None = None
    """OAUTHBEARER: where tokens are given to clients that know their secret (grant `client_credentials`)."""
    kafka_oauth_client_id: str | None = None
    """OAUTHBEARER: the client's id."""
    kafka_oauth_client_secret: SecretStr | None = None
    """OAUTHBEARER: the client's secret."""
    kafka_oauth_client_secret_file: Path | None = None
    """A file that holds it."""
    kafka_oauth_scope: str | None = None
    """OAUTHBEARER: the scope that is asked for."""
    kafka_aws_region: str | None = None
    """AWS_MSK_IAM: the cluster's region; without it, what AWS_REGION or the AWS configuration says."""

    @field_validator("kafka_bootstrap")
    @classmethod
    def _addresses(cls, value: str | None) -> str | None:
        for address in (value or "").split(",") if value is not None else []:
            address_port = _ADDRESS.match(address.strip())
            if not address_port or not 0 < int(address_port[2]) <= 65535:
                raise ValueError("must be host:port, or several separated by commas")
        return value

    @field_validator("kafka_client_id", "kafka_topic_prefix")
    @classmethod
    def _name(cls, value: str) -> str:
        if not _NAME.match(value):
            raise ValueError("must have letters, digits, '.', '_' and '-' only, at most 100, and begin with no '.'")
        return value

    @property
    def kafka_has_tls(self) -> bool:
        """Whether connections to Kafka use TLS."""
        return self.kafka_security_protocol in ("SSL", "SASL_SSL")

    @model_validator(mode="after")
    def _kafka_fits(self) -> Self:
        """Raises: WrongSettingError, naming a setting that is missing, or that has no use beside the others."""
        anywhere = ("kafka_bootstrap", "kafka_client_id", "kafka_topic_prefix")
        ways = [name for name in KafkaSettings.model_fields if name not in anywhere]
        for name in self._given(*ways) if self.kafka_bootstrap is None else []:
            raise WrongSettingError(name, f"is given, but no {PREFIX}KAFKA_BOOTSTRAP; the embedded Kafka needs neither")
        self._login_fits()
        self._tls_fits()
        return self

    def _login_fits(self) -> None:
        protocol, mechanism = self.kafka_security_protocol or "PLAINTEXT", self.kafka_sasl_mechanism
        if protocol.startswith("SASL_") and mechanism is None:
            raise WrongSettingError(
                "kafka_sasl_mechanism", f"is required by {PREFIX}KAFKA_SECURITY_PROTOCOL {protocol}"
            )
        if mechanism is not None and not protocol.startswith("SASL_"):
            what = f"must be SASL_SSL or SASL_PLAINTEXT, for {PREFIX}KAFKA_SASL_MECHANISM is given; it is {protocol}"
            raise WrongSettingError("kafka_security_protocol", what)
        if mechanism == "AWS_MSK_IAM" and protocol != "SASL_SSL":
            raise WrongSettingError("kafka_security_protocol", "must be SASL_SSL for AWS_MSK_IAM")
        self._go_with(mechanism, _PASSWORD_MECHANISMS, required=("kafka_username", "kafka_password"))
        self._go_with(mechanism, ("OAUTHBEARER",), required=_OAUTH, more=("kafka_oauth_scope",))
        self._go_with(mechanism, ("AWS_MSK_IAM",), more=("kafka_aws_region",))

    def _go_with(
        self, mechanism: str | None, of: tuple[str, ...], required: tuple[str, ...] = (), more: tuple[str, ...] = ()
    ) -> None:
        """Check the settings of some SASL mechanisms: with the mechanisms `of`, all `required` ones must be given; with
        any other, neither these nor `more` may be given. Raises: WrongSettingError.
        """
        if mechanism in of:
            for name in required:
                if not self._given(name):
                    file = f" (or {PREFIX}{name.upper()}_FILE)" if name in SECRETS else ""
                    raise WrongSettingError(name, f"is required{file} by {PREFIX}KAFKA_SASL_MECHANISM {mechanism}")
            return
        for name in self._given(*required, *more):
            is_now = mechanism or "not given"
            what = f"is for {PREFIX}KAFKA_SASL_MECHANISM {' or '.join(of)}, which is {is_now}"
            raise WrongSettingError(name, what)

    def _tls_fits(self) -> None:
        if not self.kafka_has_tls:
            for name in self._given("kafka_ca_file", "kafka_certificate_file", "kafka_key_file", "kafka_key_password"):
                is_now = self.kafka_security_protocol or "not given"
                what = f"is for {PREFIX}KAFKA_SECURITY_PROTOCOL SSL or SASL_SSL, which is {is_now}"
                raise WrongSettingError(name, what)
        for name in self._given("kafka_key_file", "kafka_key_password"):
            if self.kafka_certificate_file is None:
                raise WrongSettingError("kafka_certificate_file", f"is required by {PREFIX}{name.upper()}")


class PostgresSettings(ServerSettings):
    """Address of your Postgres, and how to connect to it."""

    database_url: str | None = Field(default=None, repr=False)
    """Your Postgres as libpq writes it, `postgresql://user@host[,host...]/database?sslmode=verify-full`; without it
    Postgres is embedded (docs/servers.md).
    """
    database_url_file: Path | None = None
    """A file that holds it."""
    database_password: SecretStr | None = None
    """The password of the URL's user, where the URL has none."""
    database_pooler_url: str | None = Field(default=None, repr=False)
    """Another way to the same database, for requests of the API alone: by a pooler that pools by transaction, such as
    PgBouncer. All else needs sessions, and goes by the URL above.
    """
    database_pooler_url_file: Path | None = None
    """A file that holds it."""
    database_password_file: Path | None = None
    """A file that holds it."""

    @field_validator("database_url", "database_pooler_url")
    @classmethod
    def _postgres_url(cls, value: str | None) -> str | None:
        if value is not None:
            PostgresUrl.of(value)
        return value

    @model_validator(mode="after")
    def _postgres_fits(self) -> Self:
        if self.database_url is None:
            for name in self._given("database_password", "database_pooler_url"):
                raise WrongSettingError(name, f"is given, but no {PREFIX}DATABASE_URL")
            return self
        if PostgresUrl.of(self.database_url).has_password and self.database_password is not None:
            raise WrongSettingError("database_url", f"has a password, and {PREFIX}DATABASE_PASSWORD is given, too")
        for field in self._given("database_url", "database_pooler_url"):
            for name, file in PostgresUrl.of(getattr(self, field)).files.items():
                try:
                    Path(file).open("rb").close()
                except OSError as error:
                    what = f"has {name} {file}, which cannot be read: {error.strerror}"
                    raise WrongSettingError(field, what) from error
        return self

    @property
    def postgres(self) -> str | None:
        """The URL with its password; None if Postgres is embedded."""
        return None if self.database_url is None else self._with_password(self.database_url)

    @property
    def pooler(self) -> str | None:
        """The pooler's URL with its password, for requests of the API; None without a pooler."""
        return None if self.database_pooler_url is None else self._with_password(self.database_pooler_url)

    def _with_password(self, url: str) -> str:
        address = PostgresUrl.of(url)
        if self.database_password is None or address.has_password:
            return url
        return address.with_password(self.database_password.get_secret_value())


def text_of(value: Any) -> str:
    """A setting's value as a text for an environment variable."""
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    return str(plain).lower() if isinstance(plain, bool) else str(plain)
