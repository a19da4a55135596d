"""All that is served, asked by those who may not: what they send, and how their refusals are compared."""

import json
import re
import time
from collections.abc import Iterable
from typing import Any

import httpx
import jwt

from services.access.scopes import ALL, Scope, with_implied
from services.api.routing import DeclaredRoute
from services.api.scopes import PREFIX
from tests.api.schemas import idle_app
from tests.api_client import TOKEN_SECRET, token_of

#: Headers that no two answers have alike, whatever they tell.
_OWN_TO_EACH = ("date", "server", "x-correlation-id")
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def routes() -> list[DeclaredRoute]:
    """Everything below an organization."""
    return [route for route in idle_app().routes if isinstance(route, DeclaredRoute) and route.path.startswith(PREFIX)]


def asked(route: DeclaredRoute, organization: str, id: str = UNKNOWN) -> tuple[str, str]:
    """Method and path of a request about something with this id."""
    return route.method, re.sub(r"{[^}]+}", id, route.path.replace("{orgId}", organization))


def headers_of_strangers(organization: str) -> dict[str, dict[str, str]]:
    """What nobody is believed who sends it."""
    now = int(time.time())
    claims = {
        "sub": "tests", "org": organization, "scope": " ".join(ALL), "aud": "trueup", "iss": "trueup",
        "iat": now, "exp": now + 10_000,
    }  # fmt: skip
    tokens = {
        "a broken one": token_of()[:-3] + "abc",
        "no token at all": "token",
        "an expired one": jwt.encode(claims | {"exp": now - 1}, TOKEN_SECRET, "HS256"),
        "one signed with another secret": jwt.encode(claims, TOKEN_SECRET[::-1], "HS256"),
        "one that is not signed": jwt.encode(claims, "", "none"),
        "one of another service": jwt.encode(claims | {"aud": "other"}, TOKEN_SECRET, "HS256"),
        "one for a link": jwt.encode(claims | {"path": "/"}, TOKEN_SECRET, "HS256"),
    }
    bearers = {name: {"authorization": f"Bearer {token}"} for name, token in tokens.items()}
    return {"nothing": {}, "a name and a password": {"authorization": "Basic a2V5OnNlY3JldA=="}, **bearers}


def lacking(needed: frozenset[Scope]) -> frozenset[Scope]:
    """All scopes but those that would do."""
    return frozenset(scope for scope in Scope if not with_implied({scope}) & needed)


def bearer(organization: str, scopes: frozenset[Scope] = ALL) -> dict[str, str]:
    return {"authorization": f"Bearer {token_of('somebody', organization, scopes)}"}


async def answers(client: httpx.AsyncClient, headers: dict[str, str], paths: Iterable[tuple[str, str]]) -> set[Any]:
    """The different answers to these requests: status, what matters of the headers, body."""
    answers_found = set()
    for method, path in paths:
        answer = await client.request(method, path, content=b"{}", headers=headers)
        kept = {name: value for name, value in answer.headers.items() if name not in _OWN_TO_EACH}
        answers_found.add((answer.status_code, json.dumps(kept, sort_keys=True), answer.text))
    return answers_found
