"""Links: an address that is read without a token, for a quarter of an hour, since it carries one of its own.

The token is good for this one address, with all that its query says, and for what the path asks of a key.
"""

from typing import Any
from urllib.parse import quote, urlencode

from services.access.scopes import Scope
from services.access.tokens import LINK_SECONDS
from services.api.calls import LINK, Call, address_of
from services.api.parameters import Query, Reader, text_schema

#: A token has some 400 characters, and as many more as an organization's name and what is asked for make it.
LINK_LENGTH_MAX = 12_000


class Link(Reader[None]):
    """The token in a link; `signed_in` has read it by now."""

    def __init__(self) -> None:
        self.schemas = {LINK: text_schema(LINK_LENGTH_MAX)}

    def read(self, query: Query) -> None:
        """Nothing is left to be done."""


def link_to(call: Call, below: str, scope: Scope, **query: Any) -> str:
    """A link to a path below the organization, with these parameters."""
    path, parameters = f"/organizations/{call.organization}{below}", list(query.items())
    token = call.api.gate.tokens.sign(
        call.identity.access_key_id,
        call.organization,
        frozenset({scope}),
        seconds=LINK_SECONDS,
        path=address_of(path, [(name, str(value)) for name, value in parameters]),
    )
    base = (call.api.public_url or str(call.request.base_url)).rstrip("/")
    return f"{base}{quote(path)}?{urlencode([*parameters, (LINK, token)])}"
