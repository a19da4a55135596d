"""A receiver on loopback that does what its path says: `/ok` takes all, and others are slow, broken or hostile."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from services.concurrency import cancel_all

#: A redirect to where nothing may be sent.
_REDIRECT = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/secret\r\ncontent-length: 0\r\n\r\n"
#: The bytes of an answer that never ends.
_ENDLESS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Got:
    """A request."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> dict[str, Any]:
        """What it says."""
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass
class Receiver:
    """What has come, in order. `statuses`: what a path answers from now on, with `more` headers; `pause`: how long
    `/slow` takes."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)
    pause: float = 0.1
    connections: int = 0
    _serving: list[asyncio.Task[None]] = field(default_factory=list)

    def at(self, path: str) -> list[Got]:
        return [delivery for delivery in self.got if delivery.path == path]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.sleep(0.02)

    def answers(self, path: str, status: int, **more: str) -> None:
        self.statuses[path] = status
        self.more[path] = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items())

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._serving.append(asyncio.create_task(self._serve(reader, writer)))

    async def close(self) -> None:
        await cancel_all(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = (line.split(":", 1) for line in head[1:] if line)
                headers = {name.lower(): value.strip() for name, value in pairs}
                body = await reader.readexactly(int(headers["content-length"]))
                path = head[0].split(" ")[1]
                self.got.append(Got(path, headers, body.decode()))
                await self._answer(path, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        if path == "/never":
            await asyncio.sleep(3_600)
        if path == "/slow":
            await asyncio.sleep(self.pause)
        if path == "/endless":
            writer.write(_ENDLESS)
            while True:
                writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                await writer.drain()
        if path == "/garbage":
            writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        elif path == "/redirect":
            writer.write(_REDIRECT)
        else:
            head = f"HTTP/1.1 {self.statuses.get(path, 204)} X\r\n{self.more.get(path, '')}"
            writer.write(f"{head}content-length: 0\r\n\r\n".encode())
        await writer.drain()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver for the length of the block."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.accept, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield receiver
    finally:
        server.close()
        await receiver.close()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it does."""
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.1)
