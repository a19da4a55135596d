"""Who asks: the access key id that a client had its token for.

Until access control comes it is a claim: any credentials get a token, and the token says for whom it was made.
"""

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from starlette.requests import Request

from events.actors import caller


def token_for(access_key_id: str) -> str:
    """A new bearer token, which names its holder."""
    return f"{urlsafe_b64encode(access_key_id.encode()).decode().rstrip('=')}.{secrets.token_urlsafe(32)}"


def actor_of(request: Request) -> str | None:
    """The actor of what the request does; None for one without a token that was made here."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    name, dot, _ = token.strip().partition(".")
    if scheme.lower() != "bearer" or not dot:
        return None
    try:
        return caller(urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode())
    except (binascii.Error, ValueError):
        return None
