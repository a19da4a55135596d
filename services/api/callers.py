"""Who asks: the access key id that a client had its token for.

Until access control comes it is a claim: any credentials get a token, and the token says for whom it was made.
"""

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from starlette.requests import Request

from events.actors import caller

#: How a token that was made here begins; who stands in front of this API may have others.
_OURS = "trueup"


def token_for(access_key_id: str) -> str:
    """A new bearer token, which names its holder."""
    name = urlsafe_b64encode(access_key_id.encode()).decode().rstrip("=")
    return f"{_OURS}.{name}.{secrets.token_urlsafe(32)}"


def actor_of(request: Request) -> str | None:
    """The actor of what the request does; None for one without a token that was made here."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3 or parts[0] != _OURS:
        return None
    name = parts[1]
    try:
        return caller(urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode())
    except (binascii.Error, ValueError):
        return None
