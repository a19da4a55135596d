"""The outermost layer of the app, around every request: correlation ids, HEAD and OPTIONS, headers of all answers, and
unexpected errors, which are logged and answered in the API's shape.

It is plain ASGI, because the framework's base class for such layers costs a task and a queue for each request.
"""

import asyncio
import time
from collections.abc import Iterable
from http import HTTPStatus
from secrets import token_hex

import structlog
from fastapi.routing import iter_route_contexts
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from events.resources.bounds import TEXT_MAX
from services.api.wire import answer, encode
from services.sight.metrics import REQUEST, REQUESTS_RUNNING
from services.sight.tracing import TRACES

CORRELATION = "x-correlation-id"
#: Longest correlation id that an answer repeats; requests about an organization refuse longer ones.
CORRELATION_MAX = TEXT_MAX
#: In every answer, so that no browser guesses its media type.
_NOSNIFF = (b"x-content-type-options", b"nosniff")
#: In every answer without a cache header of its own: no cache may keep an organization's data.
_NO_STORE = (b"cache-control", b"no-store")
_CORRELATION = CORRELATION.encode()
ENDING = "this process is about to end, and took too long for this; ask again, another one will answer"
#: The methods that metrics tell apart; all others count as one, because clients may invent any number of them.
_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_log = structlog.get_logger(__name__)


class Edge:
    """The layer around the app: `FastAPI(middleware=[Middleware(Edge)])`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        named = correlation_of(scope["headers"])
        # A pipelined request begins in the context of the request before it on the connection.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation=named.decode())
        outgoing, started = _Outgoing(send, named), time.monotonic()
        if scope["method"] == "HEAD":  # the server knows about HEAD, and leaves the body out
            scope = {**scope, "method": "GET"}
        traced = TRACES.request(scope["headers"]) if TRACES.on else None
        REQUESTS_RUNNING.inc()
        try:
            await self._answered(scope, receive, outgoing)
        except ClientDisconnect:
            _log.debug("client_left")
        except asyncio.CancelledError:  # the process ends, and waits no longer
            if not outgoing.status:
                await answer({"message": ENDING}, 503)(scope, receive, outgoing)
            raise
        except Exception as error:
            if outgoing.status:
                raise  # too late for an answer: the server logs the error and closes the connection
            _log.error("request_failed", exc_info=error)
            message = f"an error inside Trueup; its log says more about {CORRELATION} {named.decode()}"
            await answer({"message": message}, 500)(scope, receive, outgoing)
        finally:
            REQUESTS_RUNNING.dec()
            method, route = _shown(scope)
            REQUEST.labels(method, route, outgoing.status or "none").observe(time.monotonic() - started)
            if traced is not None:
                traced.end(method, route, outgoing.status)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS" and (allowed := allowed_at(scope)):
            await Response(status_code=204, headers={"allow": allowed})(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _shown(scope: Scope) -> tuple[str, str]:
    """The method, and the route's path rather than the requested one, which would make a metric's series for each
    id.
    """
    method = scope["method"] if scope["method"] in _METHODS else "other"
    return method, getattr(scope.get("route"), "path", "")


class _Outgoing:
    """`send` of a request: adds the headers of all answers, and keeps the answer's status, 0 before it has begun."""

    __slots__ = ("_named", "_send", "status")

    def __init__(self, send: Send, named: bytes) -> None:
        self._send, self._named, self.status = send, named, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message["headers"], _NOSNIFF, (_CORRELATION, self._named)]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append(_NO_STORE)
            message = {**message, "headers": headers}
        await self._send(message)


def correlation_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The correlation id of the request: the client's, if it is short enough and ASCII, else a new one."""
    for name, value in headers:
        if name == _CORRELATION and 0 < len(value) <= CORRELATION_MAX and value.isascii():
            return value
    return token_hex(8).encode()


def allowed_at(scope: Scope) -> str:
    """The methods of this path, as the header `allow` lists them; empty if no route has this path.

    Several routes may match a path, and the framework's own answer only knows the first.
    """
    methods = set[str]()
    for route in (context.original_route for context in iter_route_contexts(scope["app"].routes)):
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods | {"OPTIONS"})) if methods else ""


def allow_header(request: Request) -> dict[str, str]:
    """The header `allow` of an answer with 405: the permitted methods."""
    return {"allow": allowed_at(request.scope)}


def raw_answer(status: int, message: str) -> bytes:
    """A whole answer as bytes, after which the connection is closed."""
    body = encode({"message": message})
    headers = {
        "content-type": "application/json",
        "content-length": len(body),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-correlation-id": token_hex(8),
        "connection": "close",
        **({"retry-after": 1} if status == 503 else {}),
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
