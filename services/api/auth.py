"""POST /oauth/token: an access key and its secret are exchanged for a bearer token.

The sync Python client asks for a token before every request, so this must stay cheap. m3ter's names of scopes, which
clients may ask for, have no effect: a token has the scopes of its key.
"""

import base64
import binascii
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from services.access.denials import NoCredentialsSentError
from services.access.signing_in import SignIn
from services.api.answers import Token
from services.api.bill_bodies import TokenBody
from services.api.calls import outer_router
from services.api.edges.bodies import body_of
from services.api.sent import Body, Sent
from services.api.wire import answer, parse_object
from services.commands.refused import InvalidField

router = outer_router("authentication")
#: Largest request for a token. Strangers send it, and the shared event loop reads it: a megabyte takes a second.
GRANT_BYTES = 4096


class _Grant(Body[TokenBody]):
    """The body of a token request. Raises: BodyTooLargeError."""

    async def bytes_of(self, request: Request) -> bytes:
        return await body_of(request, GRANT_BYTES)


_GRANT = _Grant(TokenBody, media=("application/json", "application/x-www-form-urlencoded"))


@router.post("/oauth/token", response_model=Token)
async def token(request: Request, sent: Annotated[Sent[TokenBody], Depends(_GRANT)]) -> Response:
    """A bearer token for client credentials, requested as JSON or as a form."""
    access_key_id, secret = _credentials(request.headers.get("authorization", ""))
    if "json" in request.headers.get("content-type", "").lower():
        grant = parse_object(sent.raw).get("grant_type")
    else:
        grant = parse_qs(sent.raw.decode("utf-8", "replace")).get("grant_type", [None])[0]
    if grant != "client_credentials":
        raise InvalidField(field="grant_type", rule="must be client_credentials")
    sign_in: SignIn = request.app.state.sign_in
    issued = await sign_in.token_for(access_key_id, secret)
    return answer({"access_token": issued.token, "expires_in": issued.seconds, "token_type": "Bearer"})


def _credentials(header: str) -> tuple[str, str]:
    """Access key id and API secret. Raises: NoCredentialsSentError."""
    scheme, _, credentials = header.partition(" ")
    try:
        name, colon, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise NoCredentialsSentError from None
    if scheme.lower() != "basic" or not (name and colon and secret):
        raise NoCredentialsSentError
    return name, secret
