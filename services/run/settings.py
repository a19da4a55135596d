"""Every setting that the environment can give, in one class: `TRUEUP_<NAME>`.

A wrong value stops the start with one line that names the variable, the rule and the value. No connection is opened
here: `services.run.stack` finds out whether an address answers. The only files read are those that hold a secret.

The text under each setting is its description in docs/settings.md.
"""

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from events.topics import MIB, RECORD_BYTES_LEAST, RECORD_BYTES_MOST
from services.failures import ExpectedFailure
from services.postgres_url import redacted
from services.run.server_settings import (
    PREFIX,
    SECRETS,
    KafkaSettings,
    PostgresSettings,
    WrongSettingError,
)
from services.words import rule_of

SECRET_BYTES_LEAST = 32
Network = IPv4Network | IPv6Network
#: Former settings. They are refused, because whoever still sets one expects another treatment of usage.
_GONE = tuple(f"{PREFIX}SKELETON_ACCOUNTS_{way}" for way in ("HTTP", "KAFKA"))
_INSTEAD = "is no setting any more: each organization's configuration has usageBeforeAccount"


class SettingsError(ExpectedFailure):
    """A setting is wrong. The message names variable, rule and value, and is to be printed without a traceback."""


class Settings(KafkaSettings, PostgresSettings):
    """All settings of a process. Make it by `load_settings`, which puts errors into words."""

    home: Path = Path(".trueup")
    """Folder of the embedded stack's data, and of the keys that `trueup up` makes. Two homes are two stacks."""
    test_stack: Literal["embedded", "docker"] = "embedded"
    """What stands in where no address is given."""
    partitions: int = Field(default=8, ge=1, le=1024)
    """Partitions of `usage` and `billing.events`; fixed for life by the first `trueup migrate`."""
    max_record_bytes: int = Field(default=8 * MIB, ge=RECORD_BYTES_LEAST, le=RECORD_BYTES_MOST)
    """The largest record of our topics, with its batch around it: what `trueup migrate` and `rebuild-store` have the
    topics take, and all else hold to. Managed brokers often allow no more than the default.
    """
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Which log lines are written."""
    api_host: str = "127.0.0.1"
    """Where the API listens. Anything but loopback needs an access key in the database first."""
    api_port: int = Field(default=0, ge=0, le=65535)
    """The API's port; 0 takes a free one."""
    token_secret: SecretStr | None = None
    """What bearer tokens are signed with, at least 32 bytes; else what `trueup migrate` has put into Postgres."""
    token_secret_file: Path | None = None
    """A file that holds it."""
    checkpoint_secret: SecretStr | None = None
    """What `trueup audit` and `trueup notary` sign with, at least 32 bytes; without it there are no checkpoints."""
    checkpoint_secret_file: Path | None = None
    """A file that holds it."""
    api_key: str | None = None
    """Id of the access key that the product's own tools sign in with; without it, that of `trueup up` in the home."""
    api_secret: SecretStr | None = None
    """The key's secret."""
    api_secret_file: Path | None = None
    """A file that holds it."""
    api_public_url: str | None = Field(default=None, pattern=r"^https?://[^/?#]+(/[^?#]*)?$")
    """What links begin with that others follow, where the API is behind a proxy: https://billing.example.com."""
    api_rate: int = Field(default=50, ge=0, le=100_000)
    """Requests a second that an API process takes of one organization, and as many submissions of usage; 0: all."""
    api_burst: int = Field(default=200, ge=1, le=100_000)
    """How many of them one that was quiet may send at once."""
    api_connections: int = Field(default=4_000, ge=10, le=100_000)
    """Connections of an API process, or as many as the host lets it open."""
    api_client_seconds: int = Field(default=30, ge=1, le=3_600)
    """Seconds that a client may take for the head of a request, and for its body, and to take some of an answer."""
    webhook_key: SecretStr | None = None
    """What secrets of webhooks are encrypted with in Postgres, at least 32 bytes: API and `trueup webhooks` need it.
    Without it they stand there as they are.
    """
    webhook_key_file: Path | None = None
    """A file that holds it."""
    personal_key: SecretStr | None = None
    """What keys of personal data are encrypted with in Postgres, at least 32 bytes; of several lines the first
    encrypts, and all decrypt. API, `trueup ingest` and `trueup webhooks` need it where an organization has personalData
    ERASABLE; without it, that of `trueup up` in the home.
    """
    personal_key_file: Path | None = None
    """A file that holds it."""
    webhook_allow_networks: str = ""
    """Networks to which webhooks may be sent although they are no part of the public internet, such as
    10.1.0.0/16,192.168.7.0/24.
    """
    webhook_allow_http: bool = False
    """Whether webhooks may be sent without TLS."""
    webhook_seconds: int = Field(default=15, ge=1, le=60)
    """Seconds that an attempt to deliver may take in all."""
    webhook_kept_days: int = Field(default=30, ge=1, le=3_660)
    """Days for which deliveries that have ended are listed."""
    exports: str | None = None
    """Folder, or URL of an object store, of files that were asked for over HTTP, which all API processes reach; without
    it `exports` in the home.
    """
    exports_kept_days: int = Field(default=30, ge=1, le=3_660)
    """Days for which these files are kept; their jobs are listed for ever."""
    sight_host: str = "127.0.0.1"
    """Where each process answers `/metrics`, `/live` and `/ready`, which tell where servers stand: for operators only.
    """
    sight_port: int = Field(default=0, ge=0, le=65535)
    """The port for that; 0 takes a free one, which the log names. Each process of `trueup up` takes a free one."""
    sight_live_seconds: int = Field(default=180, ge=60, le=86_400)
    """A process whose loop has not gone round for so many seconds is not live."""
    worker_session_ms: int = Field(default=15_000, ge=6_000, le=300_000)
    """A worker that was killed holds its partitions for so many milliseconds; one that blocks for longer loses them."""

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("webhook_allow_networks")
    @classmethod
    def _networks(cls, value: str) -> str:
        _networks_of(value)
        return value

    @field_validator("token_secret", "checkpoint_secret", "webhook_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < SECRET_BYTES_LEAST:
            raise ValueError(f"must have at least {SECRET_BYTES_LEAST} bytes")
        return value

    @field_validator("personal_key")
    @classmethod
    def _each_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        for line in () if value is None else value.get_secret_value().splitlines():
            if 0 < len(line.strip().encode()) < SECRET_BYTES_LEAST:
                raise ValueError(f"must have at least {SECRET_BYTES_LEAST} bytes in each line")
        return value

    @property
    def webhook_networks(self) -> tuple[Network, ...]:
        """The networks in `webhook_allow_networks`."""
        return _networks_of(self.webhook_allow_networks)

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Read each secret whose file is named. Raises: WrongSettingError if the secret is also given directly, or the
        file cannot be read or is empty.
        """
        values = dict(given)
        for name in SECRETS:
            file = values.get(f"{name}_file")
            if file is None:
                continue
            if values.get(name) is not None:
                raise WrongSettingError(name, f"and {PREFIX}{name.upper()}_FILE are both given; give one of them")
            try:
                values[name] = Path(file).expanduser().read_text().rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is no text"
                raise WrongSettingError(f"{name}_file", f"names {file}, which cannot be read: {why}") from error
            if not values[name]:
                raise WrongSettingError(f"{name}_file", f"names {file}, which is empty")
        return values


def _networks_of(text: str) -> tuple[Network, ...]:
    """The networks in a text such as `10.1.0.0/16,192.168.7.0/24`. Raises: ValueError."""
    named = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return tuple(ip_network(network) for network in named)
    except ValueError as error:
        raise ValueError(f"must be networks such as 10.0.0.0/8, separated by commas: {error}") from None


def load_settings(**given: object) -> Settings:
    """The settings from the environment. `given`: values by field, which win over the environment.

    Raises: SettingsError, with one line for each wrong value.
    """
    if gone := [name for name in _GONE if os.environ.get(name)]:
        raise SettingsError("\n".join(f"{name} {_INSTEAD}" for name in gone))
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_line(dict(item)) for item in error.errors())) from None
    except WrongSettingError as error:
        raise SettingsError(str(error)) from None


def _line(item: dict[str, Any]) -> str:
    location = item["loc"]
    field = str(location[0]) if location else "?"
    told = "" if field in SECRETS and not field.endswith("_url") else f"; it is {redacted(str(item['input']))!r}"
    return f"{PREFIX}{field.upper()} {rule_of(item)}{told}"
