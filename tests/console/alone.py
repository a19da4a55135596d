"""The console before an API that is made up: pages of what a real one would seldom come to, and no server."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.access.gate import Gate
from services.access.links import SpentLinks
from services.access.scopes import ALL, Scope
from services.access.tokens import Identity
from services.api.scopes import PREFIX, needed_by
from services.api.wire import answer
from services.console.app import PATH, console_routes
from services.console.live import Reached, Streams
from services.console.sessions import COOKIE, FORM_TOKEN, form_token
from tests.api_client import in_process
from tests.console.visiting import Element, parsed

ORGANIZATION, TOKEN = "o", "a token"
BASE = f"{PATH}/organizations/{ORGANIZATION}"


@dataclass(slots=True)
class MadeUp:
    """An API: by path below the organization its document, or a status with a message; all else is `otherwise`. The
    page of a list that a token leads to may stand under `path?token`.

    `asked` is what it was asked, in order: method, path, and query.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    otherwise: tuple[int, str] = (404, "there is no such thing")
    scopes: frozenset[Scope] = ALL
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def answered(self, request: Request) -> Response:
        """Any request."""
        path = request.path_params["path"].removeprefix(f"organizations/{ORGANIZATION}/")
        self.asked.append((request.method, path, dict(request.query_params)))
        paged = f"{path}?{request.query_params.get('nextToken', '')}"
        given = self.answers.get(paged, self.answers.get(path, self.otherwise))
        status, document = (given[0], {"message": given[1]}) if isinstance(given, tuple) else (200, given)
        return answer(document, status)

    def bearer_of(self, _: str) -> Identity:
        """As the gate has it."""
        return Identity("AK-1", ORGANIZATION, self.scopes, time.time() + 3600)

    def queries(self, path: str) -> list[dict[str, str]]:
        """What a path was asked with."""
        return [query for _, path_asked, query in self.asked if path_asked == path]


@dataclass(slots=True)
class Alone:
    """Somebody who is signed in there."""

    http: httpx.AsyncClient

    async def see(self, path: str, status: int = 200, /, **query: str) -> Element:
        """The main part of a page."""
        given = await self.http.get(f"{BASE}{path}", params=query or None)
        assert given.status_code == status, f"{path}: {given.status_code} {given.text[:2000]}"
        return parsed(given.text).one("main")

    async def send(self, path: str, **fields: str) -> httpx.Response:
        """A form of this session."""
        return await self.http.post(f"{BASE}{path}", data=fields | {FORM_TOKEN: form_token(TOKEN)})


def _needed(method: str, path: str) -> frozenset[Scope]:
    return needed_by(method, f"{PREFIX}{path}")


async def _reached() -> Reached:
    return {}


def _no_connection() -> Any:
    raise AssertionError("nobody follows a link here")


#: Nobody signs in by a link.
NO_LINKS = SpentLinks(_no_connection)


@asynccontextmanager
async def before(api: MadeUp) -> AsyncIterator[Alone]:
    """A visit."""
    app = Starlette(routes=[Route("/{path:path}", api.answered, methods=["GET", "POST", "PUT", "DELETE"])])
    console = Starlette(routes=console_routes(app, cast(Gate, api), _needed, Streams(_reached), NO_LINKS))
    async with in_process(console, cookies={COOKIE: TOKEN}) as http:
        yield Alone(http)


def line(number: int, subtotal: str = "1.25", **more: Any) -> dict[str, Any]:
    """Of a bill of January."""
    return {
        **{"id": f"line-{number}", "sequenceNumber": number, "lineItemType": "USAGE", "description": f"Line {number}"},
        **{"productId": "p", "productName": "Product", "productCode": "product", "currency": "USD", "unit": "call"},
        **{"quantity": Decimal(2), "units": Decimal(2), "subtotal": Decimal(subtotal)},
        "averageUnitPrice": Decimal(subtotal) / 2,
        "servicePeriodStartDate": "2026-01-01T00:00:00Z",
        "servicePeriodEndDate": "2026-02-01T00:00:00Z",
        **more,
    }


def bill(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A pending one of January."""
    return {
        **{
            "id": "b",
            "version": 1,
            "accountId": "a",
            "accountCode": "acme",
            "status": "PENDING",
            "locked": False,
            "currency": "USD",
        },
        **{"timezone": "UTC", "billDate": "2026-02-01", "dueDate": "2026-03-03", "startDate": "2026-01-01"},
        **{"endDate": "2026-02-01", "createdDate": "2026-02-01T00:00:00Z", "createdBy": "somebody"},
        "lastCalculatedDate": "2026-02-01T00:00:00Z",
        "billTotal": sum((bill_line["subtotal"] for bill_line in lines), Decimal(0)),
        "lineItems": list(lines),
        **more,
    }


ACCOUNT = {"id": "a", "code": "acme", "name": "Acme"}
CONFIG = {"timezone": "UTC"}
EMPTY: dict[str, Any] = {"data": []}
#: Text that is markup, and an id with all that ends an attribute or a path.
HOSTILE = """<b id='x'>"&amp;{{ 7 }}"""
ID = "a \"b'?<i>#%2F"


def account(**more: Any) -> dict[str, Any]:
    """What the page of an account asks for, all of it there and empty."""
    lists = (
        *("accounts/a/children", "commitments", "balances", "bills", "accountplans", "accounts/a/outlook"),
        *("automatictopups", "thresholdbillings", "automaticacts"),
    )
    unbilled = {"accountId": "a", "billTotal": 0, "lineItems": []}
    span = {"today": "2026-02-01", "firstDay": "2026-01-01", "lastDay": "2026-12-31", "timezone": "UTC"}
    span |= {"firstKnownAt": "2026-01-01T00:00:00Z", "lastKnownAt": "2026-02-01T00:00:00Z"}
    alone = {
        "accounts/a/timespan": span,
        "accounts/a": ACCOUNT,
        "organizationconfig": CONFIG,
        "clock": {"now": "2026-02-01T00:00:00Z"},
    }
    return dict.fromkeys(lists, EMPTY) | {"accounts/a/unbilled": unbilled} | alone | more


def links(page: Element) -> list[str]:
    """Where its links lead."""
    return [link.attributes["href"] for link in page.every("a")]
