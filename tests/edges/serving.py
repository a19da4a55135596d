"""A small app behind the edges, on loopback, and clients that do not behave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.api.edges.bodies import body_of
from services.api.edges.connections import Limits
from services.api.edges.edge import Edge
from services.api.statuses import handle_errors
from services.api.wire import answer
from tests.api import serving

#: Seconds in which whoever is too late is certainly cut: connections are looked at once a second.
CUT_SECONDS = 30.0


def small_app() -> FastAPI:
    """What an app may do to a request: read it, fail, answer with much, take long."""
    app = FastAPI(middleware=[Middleware(Edge)])
    handle_errors(app)

    @app.post("/length")
    async def length(request: Request) -> Response:
        return answer({"length": len(await body_of(request))})

    @app.get("/length")
    async def nothing() -> Response:
        return answer({"length": 0})

    @app.get("/much/{size}")
    async def much(size: int) -> Response:
        return Response(b"x" * size)

    @app.get("/long/{seconds}")
    async def long(seconds: float) -> Response:
        await asyncio.sleep(seconds)
        return answer({})

    @app.post("/unread")
    async def unread() -> Response:
        return answer({})

    @app.get("/bug")
    async def bug() -> Response:
        raise ZeroDivisionError("the words of a bug")

    @app.get("/late-bug")
    async def late_bug() -> Response:
        return _Broken()

    return app


class _Broken(Response):
    """Begins, and fails."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        raise ZeroDivisionError("the words of a bug")


@asynccontextmanager
async def served(limits: Limits, app: FastAPI | None = None) -> AsyncIterator[int]:
    """The port of a server of the app, the small one unless another is given."""
    async with serving.served(app or small_app(), limits) as url:
        yield int(url.rpartition(":")[2])


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Raw:
    """A client that sends what it is told to, byte by byte if need be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, *, head: bool = False) -> Answer:
        """The next answer."""
        async with asyncio.timeout(CUT_SECONDS):
            status = int((await self.reader.readline()).split()[1])
            headers = {}
            while (line := await self.reader.readline()) != b"\r\n":
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            length = 0 if head else int(headers.get("content-length", 0))
            return Answer(status, headers, await self.reader.readexactly(length))

    async def is_cut(self) -> bool:
        """Whether the server ends the connection before long."""
        try:
            async with asyncio.timeout(CUT_SECONDS):
                while await self.reader.read(65536):
                    pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def raw_client(port: int) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()
