"""Whatever a receiver does with one attempt, it comes to an outcome: to its status, or to why there is none."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore
import pytest

from services.webhooks.addresses import ReceiverRules
from services.webhooks.reaching import FitAddresses
from services.webhooks.sending import Sender
from tests.webhooks.test_reaching import LOOPBACK, Rebinding, sent
from tests.webhooks.test_tls import NAME, certificate  # noqa: F401  a fixture

BROKE, NOT_HTTP = "it could not be reached, or the connection broke", "it does not answer as HTTP has it"
REDIRECTED = "it answered 302: redirects are not followed"
LONG = b"x" * 200_000
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[int]:
    """The port of who answers so, for the length of the block."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await answer(reader, writer)
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
        async with asyncio.timeout(30):
            await ended.wait()
    finally:
        server.close()


@pytest.mark.parametrize(
    ("said", "came_to"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n", (200, None)),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3_000 + b"HTTP/1.1 204 No\r\n\r\n", (204, None)),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nno", (200, None)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nno", (200, None)),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno\r\n", (200, None)),
        (b"HTTP/1.1 302 F\r\nlocation: http://\xc3\xbc\xff/\r\ncontent-length: 0\r\n\r\n", (302, REDIRECTED)),
        (b"HTTP/1.1 503 B\r\nretry-after: \xff\xfe\xc3\xbc\r\ncontent-length: 0\r\n\r\n", (503, "it answered 503")),
        (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", (None, NOT_HTTP)),
        (b"HTTP/1.1 999 X\r\ncontent-length: 0\r\n\r\n", (999, "it answered 999")),
        (b"HTTP/1.1 20 X\r\n\r\n", (None, NOT_HTTP)),
        (b"HTTP/1.1 200 OK\r\nx: " + LONG + b"\r\n\r\n", (None, NOT_HTTP)),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000 + b"\r\n", (None, NOT_HTTP)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", (None, NOT_HTTP)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", (None, NOT_HTTP)),
        (b"HTTP/1.1 200 OK\r\nx: \x00\r\n\r\n", (None, NOT_HTTP)),
        (b"\x15\x03\x01\x00\x02\x02\x28", (None, NOT_HTTP)),
        (b"", (None, NOT_HTTP)),
    ],
)  # fmt: skip
async def test_whatever_is_answered_comes_to_an_outcome(said: bytes, came_to: tuple[int | None, str | None]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(said)
        await writer.drain()

    async with answering(answer) as port:
        assert await sent(Rebinding("127.0.0.1"), f"http://hooks.example:{port}/", LOOPBACK) == came_to


@pytest.mark.parametrize(
    ("said", "came_to"),
    [
        (b"", (None, BROKE)),
        (b"HTTP/1.1 200 OK\r\ncont", (None, BROKE)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nno", (200, None)),
    ],
)
async def test_a_connection_that_is_reset_is_broken(said: bytes, came_to: tuple[int | None, str | None]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(said)
        await writer.drain()
        await asyncio.sleep(0.05)
        taken: socket.socket = writer.get_extra_info("socket")
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with answering(answer) as port:
        assert await sent(Rebinding("127.0.0.1"), f"http://hooks.example:{port}/", LOOPBACK) == came_to


@pytest.mark.parametrize(
    ("within", "came_to"),
    [(b"", (None, BROKE)), (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", (200, None))],
)
async def test_who_leaves_tls_once_it_stands_is_broken(
    within: bytes,
    came_to: tuple[int | None, str | None],
    certificate: Path,  # noqa: F811
) -> None:
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(certificate)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ours.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65_536))
        writer.write(outgoing.read())
        await reader.read(65_536)
        if within:
            tls.write(within)
        writer.write(outgoing.read() + b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" * 4)
        await writer.drain()
        await reader.read(65_536)

    trusting = ssl.create_default_context(cafile=str(certificate))
    backend = FitAddresses(Rebinding("127.0.0.1"), LOOPBACK)
    async with (
        httpcore.AsyncConnectionPool(ssl_context=trusting, network_backend=backend) as pool,
        answering(answer) as port,
    ):
        outcome = await Sender(pool, ReceiverRules(LOOPBACK, seconds=20)).attempt(f"https://{NAME}:{port}/", {}, "{}")
    assert (outcome.status, outcome.error) == came_to
