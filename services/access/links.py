"""Links that sign in a browser. Any process of the API makes them, and any process accepts them, but each link only
once.

The content of a link is signed with the secret of tokens, but for another audience, so no link is valid as a token and
no token as a link. A followed link is recorded as a row in Postgres.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any

import jwt

from services.access.denials import AccessUnknownError, WrongTokenError
from services.access.scopes import scopes_of, with_implied
from services.access.tokens import BROKEN, LINK_SECONDS, Identity, Tokens
from services.failures import ExpectedFailure, Passing, outside_of

_AUDIENCE, _ALGORITHM = "trueup-console-link", "HS256"
_OPTIONS: Any = {"require": ["sub", "org", "scope", "exp", "aud", "jti", "at", "ends"], "verify_iat": False}
_FORGET = "DELETE FROM store.spent_links WHERE until < now()"
#: Returns no row if another request was faster.
_SPEND = "INSERT INTO store.spent_links (id, until) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id"
_IS_SPENT = "SELECT EXISTS (SELECT FROM store.spent_links WHERE id = $1)"


@dataclass(frozen=True, slots=True)
class Entrance:
    """The content of a link: whom it signs in, and at which organization ("": the visitor chooses)."""

    id: str
    identity: Identity
    organization: str
    #: When the link ends, in seconds since 1970.
    until: float


def link_code(tokens: Tokens, identity: Identity, organization: str) -> str:
    """A new link for the owner of a token. It ends after LINK_SECONDS, or with the token; whoever follows it is signed
    in for the rest of the token's lifetime.
    """
    claims: dict[str, Any] = {
        "sub": identity.access_key_id,
        "org": identity.organization,
        "scope": " ".join(sorted(identity.scopes)),
        "at": organization,
        "ends": int(identity.expires),
        "exp": int(min(time.time() + LINK_SECONDS, identity.expires)),
        "jti": token_urlsafe(16),
        "aud": _AUDIENCE,
    }
    return jwt.encode(claims, tokens.secret, algorithm=_ALGORITHM)


def entrance_of(tokens: Tokens, code: str) -> Entrance:
    """The content of a link's code. Raises: WrongTokenError, also for an expired link."""
    try:
        claims = jwt.decode(code, tokens.secret, algorithms=[_ALGORITHM], audience=_AUDIENCE, options=_OPTIONS)
    except BROKEN:
        raise WrongTokenError from None
    scopes = with_implied(scopes_of(str(claims["scope"]).split()))
    identity = Identity(str(claims["sub"]), str(claims["org"]), scopes, float(claims["ends"]))
    return Entrance(str(claims["jti"]), identity, str(claims["at"]), float(claims["exp"]))


@dataclass(frozen=True, slots=True)
class SpentLinks:
    """The links that were followed. `connection` opens a connection of this process with the right to record them."""

    connection: Callable[[], AbstractAsyncContextManager[Any]]

    async def spend(self, entrance: Entrance) -> bool:
        """Record that the link is followed. Returns whether this was the first time, at any process. Raises:
        AccessUnknownError.
        """
        async with self._connection() as connection:
            await connection.execute(_FORGET)
            until = datetime.fromtimestamp(entrance.until, UTC)
            return await connection.fetchval(_SPEND, entrance.id, until) is not None

    async def is_spent(self, entrance: Entrance) -> bool:
        """Whether the link was followed before. Raises: AccessUnknownError."""
        async with self._connection() as connection:
            return bool(await connection.fetchval(_IS_SPENT, entrance.id))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            async with self.connection() as connection:
                yield connection
        except (ExpectedFailure, Passing) as error:
            raise AccessUnknownError(why=outside_of(error)) from error
