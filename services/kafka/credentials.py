"""The credentials of a client and a cluster: TLS contexts, made of files that are read again once they have changed;
and bearer tokens for OAUTHBEARER, requested when a connection is made and kept while they are valid.
"""

import asyncio
import importlib
import os
import ssl
import time
from abc import abstractmethod
from functools import cache, lru_cache
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from services.failures import ExpectedFailure, Worded
from services.kafka.cluster import ClientCredentials, MskIam, Tls

ASK_SECONDS = 10.0
#: A token is renewed once this share of its lifetime has passed; a connection shows its token once, when it is made.
USED = 0.8
#: The lifetime of a token, in seconds, if the server does not tell it.
HOLDS_SECONDS = 300.0


class TlsFileError(Worded, ExpectedFailure):
    """TRUEUP_KAFKA_{name} names {file}, {what}"""

    def __init__(self, name: str, file: str | None, what: str) -> None:
        super().__init__(name=name, file=file, what=what)


def tls_context(tls: Tls) -> ssl.SSLContext:
    """The TLS context of a new client: it checks brokers' names, and refuses versions older than TLS 1.2.

    Certificates that are renewed in place are used by the next client that is made. Raises: TlsFileError.
    """
    return _made(tls, tuple(_changed(name, file) for name, file in _files(tls)))


def _files(tls: Tls) -> list[tuple[str, str]]:
    named = ("CA_FILE", tls.ca_file), ("CERTIFICATE_FILE", tls.certificate_file), ("KEY_FILE", tls.key_file)
    return [(name, file) for name, file in named if file is not None]


def _changed(name: str, file: str) -> int:
    """When the file changed last, in ns. Raises: TlsFileError if it cannot be read."""
    try:
        with open(file, "rb") as opened:
            return os.fstat(opened.fileno()).st_mtime_ns
    except OSError as error:
        raise TlsFileError(name, file, f"which cannot be read: {error.strerror}") from error


@lru_cache(maxsize=8)  # reading what the machine trusts takes a hundred times as long as connecting
def _made(tls: Tls, changed: tuple[int, ...]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except ssl.SSLError as error:
        raise TlsFileError("CA_FILE", tls.ca_file, "which holds no certificate in PEM form") from error
    if tls.certificate_file is not None:
        _prove(context, tls)
    return context


def _prove(context: ssl.SSLContext, tls: Tls) -> None:
    assert tls.certificate_file is not None
    try:
        # Without any password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(tls.certificate_file, tls.key_file, tls.key_password or "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            what = "whose key is another one than that of TRUEUP_KAFKA_KEY_FILE"
        elif tls.key_file is None:
            what = (
                "which does not hold both a certificate and its key in PEM form, or TRUEUP_KAFKA_KEY_PASSWORD is wrong"
            )
        else:
            what = (
                f"and TRUEUP_KAFKA_KEY_FILE {tls.key_file}: they are no certificate and key in PEM form, or"
                " TRUEUP_KAFKA_KEY_PASSWORD is not the key's"
            )
        raise TlsFileError("CERTIFICATE_FILE", tls.certificate_file, what) from error


class NoTokenError(Worded, KafkaConnectionError):  # type: ignore[misc]  # aiokafka has no types
    """no token for Kafka from {where}: {what}"""

    # A subclass of aiokafka's error, because aiokafka's own tasks survive only its own errors.
    def __init__(self, where: str, what: object) -> None:
        super().__init__(where=where, what=what)

    def __str__(self) -> str:  # aiokafka's errors begin with the name of their class
        return str(self.args[0])


class NoRegionError(Worded, ExpectedFailure):
    """TRUEUP_KAFKA_SASL_MECHANISM AWS_MSK_IAM needs an AWS region: set TRUEUP_KAFKA_AWS_REGION or AWS_REGION"""


class ExtraMissingError(Worded, ExpectedFailure):
    """TRUEUP_KAFKA_SASL_MECHANISM AWS_MSK_IAM needs a package that is not installed: `pip install 'trueup[msk]'`"""


class Tokens(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """The tokens of all clients of a process; a valid token is used again."""

    def __init__(self) -> None:
        self._token, self._until = "", 0.0

    async def token(self) -> str:
        """A valid token. Raises: NoTokenError."""
        # Two clients that ask at once get a token each: both are valid, and no lock would serve several event loops.
        if time.monotonic() >= self._until:
            self._token, seconds = await self._ask()
            self._until = time.monotonic() + seconds * USED
        return self._token

    @abstractmethod
    async def _ask(self) -> tuple[str, float]:
        """A new token, and its lifetime in seconds. Raises: NoTokenError."""


class ClientCredentialsTokens(Tokens):
    """Tokens from an OAuth server, for a client's id and secret."""

    def __init__(self, login: ClientCredentials) -> None:
        super().__init__()
        self._login = login

    async def _ask(self) -> tuple[str, float]:
        import httpx  # takes a while to import, and few installations sign in like this

        login = self._login
        form = {"grant_type": "client_credentials"} | ({"scope": login.scope} if login.scope else {})
        try:
            async with httpx.AsyncClient(timeout=ASK_SECONDS) as client:
                answer = await client.post(login.token_url, data=form, auth=(login.client_id, login.client_secret))
            if answer.status_code != httpx.codes.OK:
                raise NoTokenError(login.token_url, f"it answered {answer.status_code} to client {login.client_id!r}")
            told = answer.json()
            return str(told["access_token"]), float(told.get("expires_in") or HOLDS_SECONDS)
        except httpx.HTTPError as error:
            raise NoTokenError(login.token_url, f"{type(error).__name__} {error}".strip()) from error
        except (ValueError, KeyError, TypeError) as error:
            raise NoTokenError(login.token_url, "its answer has no access_token") from error


class MskIamTokens(Tokens):
    """Tokens that are signed here with AWS credentials: of the environment, a profile, a web identity or the machine's
    role.
    """

    def __init__(self, login: MskIam) -> None:
        super().__init__()
        try:
            self._signer: Any = importlib.import_module("aws_msk_iam_sasl_signer.MSKAuthTokenProvider")
            session = importlib.import_module("botocore.session").Session()
        except ImportError as error:
            raise ExtraMissingError from error
        self._region = login.region or os.environ.get("AWS_REGION") or session.get_config_variable("region")
        if not self._region:
            raise NoRegionError

    async def _ask(self) -> tuple[str, float]:
        try:  # it may ask the machine's metadata service, and blocks
            token, until_ms = await asyncio.to_thread(self._signer.generate_auth_token, self._region)
        except AttributeError as error:  # without credentials the signer goes on with None
            raise NoTokenError("AWS", "no AWS credentials were found") from error
        except Exception as error:  # botocore raises many kinds
            raise NoTokenError("AWS", f"{type(error).__name__} {error}".strip()) from error
        return str(token), until_ms / 1000 - time.time()


@cache  # one for each login, so that all clients share its tokens
def tokens_of(login: ClientCredentials | MskIam) -> Tokens:
    """The provider of tokens for a login. Raises: ExtraMissingError, NoRegionError."""
    return ClientCredentialsTokens(login) if isinstance(login, ClientCredentials) else MskIamTokens(login)
