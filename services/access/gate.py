"""Authenticates requests in memory: by the token's signature, and by the recently revoked keys."""

import asyncio
from dataclasses import dataclass
from typing import Any

from services.access.denials import (
    AccessUnknownError,
    NoTokenError,
    NotSignedInError,
    RevokedTokenError,
    WrongTokenError,
)
from services.access.keys import revoked_keys
from services.access.tokens import Identity, Tokens
from services.failures import ExpectedFailure, Passing, outside_of
from services.outage import Outage
from services.postgres import Role, connected
from services.store.generations import NotMigratedError

#: Interval of reading revoked keys. A revoked key is refused after this interval, plus the time for which
#: `signing_in.py` trusts its cache.
AGAIN_SECONDS = 20.0
_SECRET = "SELECT secret FROM store.token_secrets"


@dataclass(frozen=True, slots=True)
class _Known:
    """The data for judging a token."""

    tokens: Tokens
    revoked: frozenset[str]


class Gate:
    """The gate of one API process. `given`: the secret that signs tokens, if the database does not provide it."""

    def __init__(self, database_url: str, given: str | None = None, again_seconds: float = AGAIN_SECONDS) -> None:
        self._database_url, self._given, self._again_seconds = database_url, given, again_seconds
        self._known: _Known | None = None
        self._why = "the database was not asked yet"
        #: The database was asked once, successfully or not.
        self.looked = asyncio.Event()

    @property
    def tokens(self) -> Tokens:
        """The token reader. Raises: AccessUnknownError."""
        return self._judging().tokens

    def is_revoked(self, access_key_id: str) -> bool:
        """Whether the key is known to be revoked. Raises: AccessUnknownError."""
        return access_key_id in self._judging().revoked

    def bearer_of(self, authorization: str) -> Identity:
        """The caller of the request, by its header. Raises: NotSignedInError, AccessUnknownError."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NoTokenError
        identity = self._read(token.strip())
        if identity.path is not None:
            raise WrongTokenError
        return identity

    def linked(self, token: str, address: str) -> Identity:
        """The caller of a link to this address, by the token in it. Raises: NotSignedInError, AccessUnknownError."""
        identity = self._read(token)
        if identity.path != address:
            raise WrongTokenError
        return identity

    def is_operators(self, authorization: str) -> bool:
        """Whether the caller is an operator, by the header of a request, as far as is known. A header that is refused
        is not an error here: the answer is False.
        """
        try:
            return self.bearer_of(authorization).is_operators
        except (NotSignedInError, AccessUnknownError):
            return False

    async def watch(self) -> None:
        """Read revoked keys until cancelled. While the database is away, the last known state stays valid."""
        outage = Outage("access_keys_unread")
        while True:
            try:
                async with connected(self._database_url, Role.WATCH) as connection:
                    await self.look(connection)
                outage.over()
                pause = self._again_seconds
            except (ExpectedFailure, Passing) as error:
                self._why, pause = outside_of(error), outage.met(error)
            self.looked.set()
            await asyncio.sleep(pause)

    async def look(self, connection: Any) -> None:
        """Read once. Raises: NotMigratedError, PostgresUnreachableError, TablesMovedError."""
        secret = self._given.encode() if self._given is not None else await connection.fetchval(_SECRET)
        if secret is None:
            raise NotMigratedError
        revoked = await revoked_keys(connection)
        judging = self._known
        tokens = (
            judging.tokens if judging is not None and judging.tokens.secret == bytes(secret) else Tokens(bytes(secret))
        )
        self._known = _Known(tokens, revoked)

    def _read(self, token: str) -> Identity:
        judging = self._judging()
        identity = judging.tokens.read(token)
        if identity.access_key_id in judging.revoked:
            raise RevokedTokenError
        return identity

    def _judging(self) -> _Known:
        if self._known is None:
            raise AccessUnknownError(why=self._why)
        return self._known
