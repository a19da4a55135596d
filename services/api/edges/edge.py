"""The outermost layer of the app, around every request: its name, HEAD and OPTIONS, headers of every answer, and what
nobody expected, which is logged and answered in the wire's shape.

It is plain ASGI: the framework's own base class for such layers costs a task and a queue for each request."""

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
#: What may be given back as it is; a longer one is refused where a request asks about an organization.
CORRELATION_MAX = TEXT_MAX
#: Of every answer: nobody is to guess what it is.
_NOSNIFF = (b"x-content-type-options", b"nosniff")
#: Headers of every answer that does not say otherwise: no cache may keep what an organization has.
_NO_STORE = (b"cache-control", b"no-store")
_CORRELATION = CORRELATION.encode()
ENDING = "this process is about to end, and took too long for this; ask again, another one will answer"
#: Others are not told apart: anybody may make up as many as he likes.
_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_log = structlog.get_logger(__name__)


class Edge:
    """Around the app: `FastAPI(middleware=[Middleware(Edge)])`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        named = correlation_of(scope["headers"])
        # A request that waited behind another one of its connection begins in that one's context.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation=named.decode())
        outgoing, started = _Outgoing(send, named), time.monotonic()
        if scope["method"] == "HEAD":  # the server knows, and leaves the body out
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
                raise  # nothing can be said any more: the server logs it and cuts the connection
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
    """Method, and the path as the route has it, not as it was asked: that would be a series for each id."""
    method = scope["method"] if scope["method"] in _METHODS else "other"
    return method, getattr(scope.get("route"), "path", "")


class _Outgoing:
    """`send` of a request: its answer with the headers that all have, and its status once it has begun, 0 before."""

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
    """What the client calls the request, if it can be given back as it is, or a name of its own."""
    for name, value in headers:
        if name == _CORRELATION and 0 < len(value) <= CORRELATION_MAX and value.isascii():
            return value
    return token_hex(8).encode()


def allowed_at(scope: Scope) -> str:
    """The methods that this path has, for `allow`; empty for a path that there is not.

    Several routes may match it, and the framework's own answer knows the first of them alone.
    """
    methods = set[str]()
    for route in (context.original_route for context in iter_route_contexts(scope["app"].routes)):
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods | {"OPTIONS"})) if methods else ""


def allow_header(request: Request) -> dict[str, str]:
    """The header that an answer with 405 must have: the methods that would be taken."""
    return {"allow": allowed_at(request.scope)}


def raw_answer(status: int, message: str) -> bytes:
    """A whole answer, and the connection's last."""
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
