"""The HTTP clients of the tests, by who asks, and the configuration that an organization begins with.

- `http_client`: a caller with a key; `Api`: the same in one organization, and what it answers
- `stranger`: a caller without one
- `probe`: who looks at the port of a process, as a kubelet and Prometheus do; `port_client`: at one that nobody serves
- `in_process`: a caller of an app that nobody serves; `played_by`: of an API that a function plays

No test makes another one (`tests/test_built_once.py`). m3ter's own clients are in `tests/official.py`.
"""

import asyncio
import json
from collections.abc import Callable, Generator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx

from services.access.scopes import ALL, Scope
from services.access.tokens import EVERY, Tokens

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from starlette.types import ASGIApp

#: What every process that tests start signs tokens with, and so do the tests: they need no key of a database that may
#: be lost. Keys themselves are tested in tests/access. tests/conftest.py puts it into the environment.
TOKEN_SECRET = "the secret of the tests, which is none"
_TOKENS = Tokens(TOKEN_SECRET.encode())
CONFIG: dict[str, Any] = {
    "timezone": "UTC",
    "currency": "USD",
    "yearEpoch": "2026-01-01",
    "monthEpoch": "2026-01-01",
    "weekEpoch": "2026-01-05",
    "dayEpoch": "2026-01-01",
    "daysBeforeBillDue": 30,
}


def token_of(by: str = "tests", organization: str = EVERY, scopes: frozenset[Scope] = ALL) -> str:
    """A bearer token of an access key with this id."""
    return _TOKENS.sign(by, organization, scopes)


class By(httpx.Auth):
    """A request by this access key, an operator's unless it is said whose."""

    def __init__(self, by: str = "tests", organization: str = EVERY, scopes: frozenset[Scope] = ALL) -> None:
        self._header = f"Bearer {token_of(by, organization, scopes)}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["authorization"] = self._header
        yield request


def http_client(url: str, timeout: float = 60, *, by: httpx.Auth | None = None) -> httpx.AsyncClient:
    """HTTP below this URL, by an operator unless it is said by whom."""
    return _client(url, timeout=timeout, auth=by or By())


def stranger(url: str = "", timeout: float = 60) -> httpx.AsyncClient:
    """HTTP without a key: who signs in by itself, has a link that opens what it says, or is to be refused."""
    return _client(url, timeout=timeout)


async def probe(url: str) -> httpx.Response:
    """What the port of a process answers to whoever looks at it, who has no key and does not wait long."""
    async with _client("", timeout=5) as client:
        return await client.get(url)


def in_process(app: "ASGIApp", url: str = "http://here", **given: Any) -> httpx.AsyncClient:
    """HTTP to an app of this process, which nobody serves. `given`: headers, cookies or a key; else of a stranger."""
    return _client(url, transport=httpx.ASGITransport(app), **given)


def port_client(port: "WSGIApplication") -> httpx.Client:
    """Who looks at a port of this process, which nobody serves."""
    return httpx.Client(transport=httpx.WSGITransport(port), base_url="http://port")


def played_by(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    """HTTP to an API that this function plays."""
    return _client("http://played", transport=httpx.MockTransport(answer))


def _client(url: str, **given: Any) -> httpx.AsyncClient:
    """The certificates that none of it needs would take a sixteenth of a second to load; and what the machine says of
    proxies and passwords is not for what runs on it."""
    return httpx.AsyncClient(base_url=url, verify=False, trust_env=False, **given)


async def healthy(client: httpx.AsyncClient, **params: str) -> httpx.Response:
    """The answer of /health once it is 200. Fails after a minute.

    It answers within a second whatever else goes on: on a loaded machine Postgres may take longer once in a while, and
    503 is then what it should say.
    """
    async with asyncio.timeout(60):
        while (answer := await client.get("/health", params=params)).status_code == 503:
            await asyncio.sleep(0.2)
    assert answer.status_code == 200, answer.text
    return answer


class Api:
    """One organization at the URL that `url` gives now; an API that was started again may have another."""

    def __init__(self, url: Callable[[], str], organization: str) -> None:
        self._url, self.organization = url, organization

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **query: Any
    ) -> httpx.Response:
        """Any request below the organization."""
        headers = {"Idempotency-Key": key} if key else {}
        async with http_client(f"{self._url()}/organizations/{self.organization}") as client:
            return await client.request(method, path, json=body, params=query or None, headers=headers)

    async def do(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """A request that must succeed; returns its document."""
        return (await self._done(method, path, body, **query)).json()

    async def exact(self, path: str, **query: Any) -> Any:
        """What a GET answers, with exact numbers."""
        answer = await self._done("GET", path, **query)
        return json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)

    async def refused(self, status: int, method: str, path: str, body: Any = None) -> str:
        """A request that must be refused; returns the message."""
        answer = await self.ask(method, path, body)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return str(answer.json()["message"])

    async def create(self, path: str, **body: Any) -> str:
        """Create a resource; returns its id."""
        return str((await self.do("POST", path, body))["id"])

    async def _done(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        answer = await self.ask(method, path, body, **query)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer
