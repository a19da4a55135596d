"""Bearer tokens: JSON Web Tokens that name the caller, signed with a secret that every API process has."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from events.actors import caller
from services.access.denials import ExpiredTokenError, WrongTokenError
from services.access.scopes import Scope, scopes_of, with_implied

#: A token's lifetime, like m3ter's.
TOKEN_SECONDS = 18_000
#: The lifetime of a link that is opened without signing in.
LINK_SECONDS = 900
#: Stands for every organization.
EVERY = "*"
_ISSUER, _ALGORITHM = "trueup", "HS256"
#: Raised for texts that are no token, which anybody may send: one that is nested too deeply, too.
BROKEN = (jwt.InvalidTokenError, ValueError, RecursionError)
#: Another process's clock may be ahead, so no token is refused as too young.
_OPTIONS: Any = {"require": ["sub", "org", "scope", "iat", "exp", "aud", "iss"], "verify_iat": False}
#: Most tokens that are cached with their content: checking a signature takes a tenth of a millisecond.
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller: an access key, with its scopes."""

    access_key_id: str
    organization: str
    scopes: frozenset[Scope]
    #: When the token ends, in seconds since 1970.
    expires: float
    #: For a link, the only path that may be read with it.
    path: str | None = None

    @property
    def is_operators(self) -> bool:
        """Whether it is valid for every organization."""
        return self.organization == EVERY

    def is_of(self, organization: str) -> bool:
        """Whether it is valid for this organization."""
        return self.is_operators or self.organization == organization

    @property
    def actor(self) -> str:
        """The actor's name in events."""
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
        """The content of a token. Raises: WrongTokenError, ExpiredTokenError."""
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
        except BROKEN:
            raise WrongTokenError from None
        return _identity(claims)


def _identity(claims: Mapping[str, Any]) -> Identity:
    scopes = with_implied(scopes_of(str(claims["scope"]).split()))
    return Identity(str(claims["sub"]), str(claims["org"]), scopes, float(claims["exp"]), claims.get("path"))
