"""POST /oauth/token, so that official clients work. Until access control comes, any credentials do.

The sync Python client asks for a token before every request, so this must stay cheap.
"""

import base64
import binascii
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from events.actors import CALLER_LENGTH_MAX, caller
from services.api.answers import Token
from services.api.bill_bodies import TokenBody
from services.api.callers import token_for
from services.api.declaring import router_of
from services.api.errors import NotAuthenticatedError
from services.api.sent import Body, Sent
from services.api.wire import answer, parse_object
from services.commands.errors import InvalidField

TOKEN_SECONDS = 18_000
router = router_of("authentication")
_GRANT = Body(TokenBody, media=("application/json", "application/x-www-form-urlencoded"))


@router.post("/oauth/token", response_model=Token)
async def token(request: Request, sent: Annotated[Sent[TokenBody], Depends(_GRANT)]) -> Response:
    """A bearer token for client credentials, asked for as JSON or as a form."""
    access_key_id = _access_key_id(request.headers.get("authorization", ""))
    if "json" in request.headers.get("content-type", ""):
        grant = parse_object(sent.raw).get("grant_type")
    else:
        grant = parse_qs(sent.raw.decode("utf-8", "replace")).get("grant_type", [None])[0]
    if grant != "client_credentials":
        raise InvalidField(field="grant_type", rule="must be client_credentials")
    return answer({"access_token": token_for(access_key_id), "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})


def _access_key_id(header: str) -> str:
    """Raises: NotAuthenticatedError, InvalidField."""
    scheme, _, credentials = header.partition(" ")
    try:
        name, colon, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise NotAuthenticatedError from None
    if scheme.lower() != "basic" or not (name and colon and secret):
        raise NotAuthenticatedError
    if caller(name) is None:
        raise InvalidField(field="access key id", rule=f"must be 1 to {CALLER_LENGTH_MAX} printable characters")
    return name
