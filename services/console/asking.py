"""Calls of pages to the API's own routes, made inside the process with the visitor's token.

A call passes the same gate, scopes, rates and row security as a call from outside. So no page shows anything that its
reader could not have requested, and every number on it is the API's.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from starlette.types import ASGIApp

from events.absent import only_given
from services.failures import Worded

#: Time limit of a call, as a client outside would have one. Waits inside the API are shorter.
SECONDS = 60.0
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class ApiRefused(Worded):
    """{message}"""

    def __init__(self, status: int, message: str) -> None:
        #: The API's HTTP status.
        self.status = status
        super().__init__(message=message)


def path_of(*parts: str) -> str:
    """A path of these parts, whatever characters are in them: `path_of("bills", "a/b")` is `/bills/a%2Fb`.

    A part `..` is escaped, too: clients would take it as the way to the folder above, and ask for another resource.
    """
    return "".join("/" + (quote(part, safe="") if part.strip(".") else part.replace(".", "%2E")) for part in parts)


def calls_of(app: ASGIApp) -> httpx.AsyncClient:
    """A client that calls the app without a socket."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api.internal", timeout=SECONDS)


@dataclass(frozen=True, slots=True)
class Asking:
    """Calls about one organization, with the visitor's token. `correlation`: the id of the page's request in logs."""

    calls: httpx.AsyncClient
    token: str
    organization: str
    correlation: str

    async def get(self, *parts: str, **query: Any) -> Any:
        """The answer of a GET, with exact numbers; parameters that are None are left out. Raises: ApiRefused."""
        given = only_given(query)
        return document_of(await self._called("GET", parts, params=given))

    async def every(self, *parts: str, **query: Any) -> list[Any]:
        """All entries of a list, fetched page after page. Raises: ApiRefused."""
        page = await self.get(*parts, **query)
        entries = list(page["data"])
        while (following := page.get("nextToken")) is not None:
            page = await self.get(*parts, **query, nextToken=following)
            entries += page["data"]
        return entries

    async def send(self, method: str, *parts: str, body: Any = None, once: str | None = None, **query: Any) -> Any:
        """The answer of a command, or of a query with a body. `once`: an idempotency key, so that a repeated request is
        carried out once. Raises: ApiRefused.
        """
        headers = {"content-type": "application/json"} | ({"idempotency-key": quote(once)} if once else {})
        content = b"" if body is None else _ENCODER.encode(body)
        return document_of(await self._called(method, parts, content=content, headers=headers, params=query))

    async def bytes_of(self, *parts: str) -> bytes:
        """An answer that is not JSON. Raises: ApiRefused."""
        return (await self.file_of(*parts)).content

    async def file_of(self, *parts: str, **query: str) -> httpx.Response:
        """An answer that is not JSON, with its headers. Raises: ApiRefused."""
        return await self._called("GET", parts, params=query)

    async def health(self) -> Any:
        """The answer of GET /health, whatever its status. It is about the whole system, not about an organization."""
        answer = await self.calls.get("/health", headers=self._headers())
        return document_of(answer)

    async def _called(self, method: str, parts: tuple[str, ...], **options: Any) -> httpx.Response:
        headers = self._headers() | options.pop("headers", {})
        url = path_of("organizations", self.organization, *parts)
        answer = await self.calls.request(method, url, headers=headers, **options)
        if answer.status_code != 200:
            raise ApiRefused(answer.status_code, _message_of(answer))
        return answer

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}", "x-correlation-id": self.correlation}


def document_of(answer: httpx.Response) -> Any:
    """The answer's JSON, numbers with a fraction exact."""
    return _DECODER.decode(answer.content)


def _message_of(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"the API answered {answer.status_code}"


@dataclass(frozen=True, slots=True)
class Missing:
    """A part of a page that the API refused: the page shows the reason in its place, and all other parts."""

    status: int
    why: str


async def or_missing(request: Awaitable[Any]) -> Any:
    """The answer, or why it is missing. If the visitor is no longer signed in (401), the whole page is refused.

    Raises: ApiRefused.
    """
    try:
        return await request
    except ApiRefused as error:
        if error.status == 401:
            raise
        return Missing(error.status, str(error))


async def together(**requests: Awaitable[Any]) -> dict[str, Any]:
    """The answers of all requests by name; the requests run at the same time. Raises: ApiRefused, the first that
    occurs.
    """
    answers = await asyncio.gather(*requests.values())
    return dict(zip(requests, answers, strict=True))
