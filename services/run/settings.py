"""Every setting that the environment can give, in one class: `TRUEUP_<NAME>`.

A wrong value stops the start with one line that names the variable, the rule and the value. It reads no file and opens
no connection: whether an address answers is found out by `services.run.stack`.
"""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.failures import ExpectedFailure
from services.record_bytes import MIB, RECORD_BYTES_LEAST, RECORD_BYTES_MOST
from services.words import rule_of

PREFIX = "TRUEUP_"
TOKEN_SECRET_BYTES_LEAST = 32
#: Settings whose values no message shows.
_SECRET = frozenset({"token_secret", "api_secret"})
_ADDRESS = re.compile(r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$")


class SettingsError(ExpectedFailure):
    """A setting is wrong. The message names variable, rule and value; print it without a traceback."""


class Settings(BaseSettings):
    """Where this process finds its parts, and how it runs. Read it with `load_settings`, which words the errors."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    #: Folder of the embedded stack's data. Two homes are two stacks, side by side.
    home: Path = Path(".trueup")
    #: Addresses of your Kafka, `host:port[,host:port...]`; without it Kafka is embedded.
    kafka_bootstrap: str | None = None
    #: Your Postgres, `postgresql://user@host/database`; without it Postgres is embedded.
    database_url: str | None = None
    #: What stands in where no address is given.
    test_stack: Literal["embedded", "docker"] = "embedded"
    #: Partitions of `usage` and `billing.events`; fixed for life by the first `trueup migrate`.
    partitions: int = Field(default=8, ge=1, le=1024)
    #: The largest record of our topics, with its batch around it: what `trueup migrate` has the topics take, and all
    #: else hold to. Managed brokers often allow no more than the default.
    max_record_bytes: int = Field(default=8 * MIB, ge=RECORD_BYTES_LEAST, le=RECORD_BYTES_MOST)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: Anything but loopback needs an access key in the database first.
    api_host: str = "127.0.0.1"
    #: What bearer tokens are signed with, at least 32 bytes; without it, what `trueup migrate` has put into Postgres.
    token_secret: SecretStr | None = None
    #: What the product's own tools sign in with; without them, the keys that `trueup up` has put into the home.
    api_key: str | None = None
    api_secret: SecretStr | None = None
    #: 0 takes a free port.
    api_port: int = Field(default=0, ge=0, le=65535)
    #: Whether usage over HTTP for an account that is not there brings it into being, as m3ter does.
    skeleton_accounts_http: bool = True
    #: Requests a second that an API process takes of one organization, and as many submissions of usage; 0 is no limit.
    api_rate: int = Field(default=50, ge=0, le=100_000)
    #: How many of them one that was quiet may send at once.
    api_burst: int = Field(default=200, ge=1, le=100_000)
    #: Connections of an API process, or as many as the host lets it open.
    api_connections: int = Field(default=4_000, ge=10, le=100_000)
    #: Seconds that a client may take for the head of a request, and for its body, and to take some of an answer.
    api_client_seconds: int = Field(default=30, ge=1, le=3_600)
    #: A worker that was killed holds its partitions for this long; one that blocks for longer loses them.
    worker_session_ms: int = Field(default=15_000, ge=6_000, le=300_000)

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("token_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < TOKEN_SECRET_BYTES_LEAST:
            raise ValueError(f"must have at least {TOKEN_SECRET_BYTES_LEAST} bytes")
        return value

    @field_validator("kafka_bootstrap")
    @classmethod
    def _addresses(cls, value: str | None) -> str | None:
        for address in (value or "").split(",") if value is not None else []:
            found = _ADDRESS.match(address.strip())
            if not found or not 0 < int(found[2]) <= 65535:
                raise ValueError("must be host:port, or several separated by commas")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres_url(cls, value: str | None) -> str | None:
        if value is None:
            return value
        rule = "must be a URL such as postgresql://user:password@host:5432/database"
        try:
            url = urlsplit(value)
            _ = url.port
        except ValueError as error:
            raise ValueError(f"{rule} ({error})") from error
        if url.scheme not in ("postgresql", "postgres") or len(url.path) < 2:
            raise ValueError(rule)
        return value


def load_settings(**given: object) -> Settings:
    """Settings from the environment; `given` (field names) wins over it.

    Raises: SettingsError, one line per wrong value.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(_line(dict(item)) for item in error.errors())) from None


def redacted(url: str) -> str:
    """The URL with its password hidden: the only form that may reach a log or an error."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)


def _line(item: dict[str, object]) -> str:
    location = item["loc"]
    field = str(location[0]) if isinstance(location, tuple) and location else "?"
    told = "" if field in _SECRET else f"; it is {redacted(str(item['input']))!r}"
    return f"{PREFIX}{field.upper()} {rule_of(item)}{told}"
