"""Bearer tokens: JSON Web Tokens that say whose they are, signed with a secret that every API process has."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from events.actors import caller
from services.access.denials import ExpiredTokenError, WrongTokenError
from services.access.scopes import Scope, scopes_of, with_implied

#: How long a token lasts, as m3ter's do.
TOKEN_SECONDS = 18_000
#: How long a link to something that is fetched without signing in lasts.
LINK_SECONDS = 900
#: In place of an organization: every one.
EVERY = "*"
_ISSUER, _ALGORITHM = "trueup", "HS256"
#: Another process's clock may be ahead, so no token is too young.
_OPTIONS: Any = {"require": ["sub", "org", "scope", "iat", "exp", "aud", "iss"], "verify_iat": False}
#: Tokens that are remembered with what they say: to check a signature takes a tenth of a millisecond.
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: an access key, and what it is good for."""

    access_key_id: str
    organization: str
    scopes: frozenset[Scope]
    #: When the token ends, in seconds since 1970.
    expires: float
    #: The one path that may be read with it, for a link.
    path: str | None = None

    @property
    def is_operators(self) -> bool:
        """Whether it is of every organization."""
        return self.organization == EVERY

    def is_of(self, organization: str) -> bool:
        """Whether it may ask about this one."""
        return self.is_operators or self.organization == organization

    @property
    def actor(self) -> str:
        """As events name it."""
        named = caller(self.access_key_id)
        assert named is not None, "a token is signed for names that can be kept"
        return named


class Tokens:
    """Signs and reads tokens with one secret."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self._remembered: dict[str, Identity] = {}

    def sign(
        self,
        access_key_id: str,
        organization: str,
        scopes: frozenset[Scope],
        *,
        seconds: float = TOKEN_SECONDS,
        path: str | None = None,
    ) -> str:
        """A new token."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "sub": access_key_id,
            "org": organization,
            "scope": " ".join(sorted(scopes)),
            "iat": now,
            "exp": now + int(seconds),
            "aud": _ISSUER,
            "iss": _ISSUER,
        }
        return jwt.encode(claims | ({} if path is None else {"path": path}), self.secret, algorithm=_ALGORITHM)

    def read(self, token: str) -> Identity:
        """What it says. Raises: WrongTokenError, ExpiredTokenError."""
        identity = self._remembered.get(token)
        if identity is None:
            identity = self._verified(token)
            if identity.path is None:  # a link is long, and mostly followed once
                if len(self._remembered) >= _REMEMBERED:
                    del self._remembered[next(iter(self._remembered))]
                self._remembered[token] = identity
        if identity.expires <= time.time():
            self._remembered.pop(token, None)
            raise ExpiredTokenError
        return identity

    def _verified(self, token: str) -> Identity:
        try:
            claims = jwt.decode(
                token, self.secret, algorithms=[_ALGORITHM], audience=_ISSUER, issuer=_ISSUER, options=_OPTIONS
            )
        except jwt.ExpiredSignatureError:
            raise ExpiredTokenError from None
        except (jwt.InvalidTokenError, ValueError):
            raise WrongTokenError from None
        return _identity(claims)


def _identity(claims: Mapping[str, Any]) -> Identity:
    scopes = with_implied(scopes_of(str(claims["scope"]).split()))
    return Identity(str(claims["sub"]), str(claims["org"]), scopes, float(claims["exp"]), claims.get("path"))
