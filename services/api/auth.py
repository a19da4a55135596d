"""POST /oauth/token, so that official clients work. Until access control comes, any credentials do.

The sync Python client asks for a token before every request, so this must stay cheap.
"""

import base64
import binascii
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from events.actors import CALLER_LENGTH_MAX, caller
from services.api.callers import token_for
from services.api.errors import NotAuthenticatedError
from services.api.requests import body_of
from services.api.wire import answer, parse_object
from services.commands.errors import InvalidField

TOKEN_SECONDS = 18_000
router = APIRouter(tags=["authentication"], default_response_class=Response)


@router.post("/oauth/token")
async def token(request: Request) -> Response:
    """A bearer token for client credentials, asked for as JSON or as a form."""
    access_key_id = _access_key_id(request.headers.get("authorization", ""))
    body = await body_of(request)
    if "json" in request.headers.get("content-type", ""):
        grant = parse_object(body).get("grant_type")
    else:
        grant = parse_qs(body.decode("utf-8", "replace")).get("grant_type", [None])[0]
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
