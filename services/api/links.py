"""Links: addresses that are read without a token for a quarter of an hour, because they carry one of their own.

The token is valid for this one address, including its query, and for the scopes that the path needs.
"""

from typing import Any
from urllib.parse import quote, urlencode

from services.access.scopes import Scope
from services.access.tokens import LINK_SECONDS
from services.api.calls import LINK, Call, address_of
from services.api.parameters import Query, Reader, text_schema

#: A token has some 400 characters, and more for the organization's name and the query.
LINK_LENGTH_MAX = 12_000


class Link(Reader[None]):
    """The token in a link; `signed_in` has already read it."""

    def __init__(self) -> None:
        self.schemas = {LINK: text_schema(LINK_LENGTH_MAX)}

    def read(self, query: Query) -> None:
        """Nothing is left to read."""


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
