"""The head of a request: what is no HTTP, or too much of it, is refused in the wire's shape, whatever else comes."""

import asyncio
import json

import pytest

from services.api.edges.connections import Limits
from tests.edges.serving import raw_client, served

ASKS = b"GET /length HTTP/1.1\r\nhost: x\r\n"
#: What is sent, and what is said of it.
REFUSED = {
    "no HTTP": (b"hello\r\n\r\n", 501, "the method is none that is known here"),
    "an unknown method": (b"BREW /length HTTP/1.1\r\nhost: x\r\n\r\n", 501, "the method is none that is known here"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 501, "the method is none that is known here"),
    "another version": (b"GET /length HTTP/3.0\r\n\r\n", 400, "the request is not HTTP/1.1: Invalid HTTP version"),
    "a path beyond ASCII": (b"GET /l\xe4nge HTTP/1.1\r\n\r\n", 400, "the request is not HTTP/1.1: Invalid char"),
    "a tunnel": (b"CONNECT other:443 HTTP/1.1\r\nhost: x\r\n\r\n", 400, "the request is not HTTP/1.1: invalid url"),
    "no path": (b"GET http://x HTTP/1.1\r\nhost: x\r\n\r\n", 400, "the request is not HTTP/1.1: invalid url"),
    "two lengths": (
        b"POST /length HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 400,
        "the request is not HTTP/1.1: Transfer-Encoding can't be present with Content-Length",
    ),
    "no length": (b"POST /length HTTP/1.1\r\ncontent-length: many\r\n\r\n", 400, "the request is not HTTP/1.1"),
    "a long path": (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n", 414, "path and query have more than 32768 bytes"),
    "a long query": (b"GET /?" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n", 414, "path and query have more than 32768"),
    "many headers": (ASKS + b"a: b\r\n" * 200 + b"\r\n", 431, "there are more than 100 headers"),
    "long headers": (ASKS + (b"a: " + b"b" * 9_000 + b"\r\n") * 9 + b"\r\n", 431, "line and headers of the request"),
    "an endless header": (ASKS + b"a: " + b"b" * 300_000, 431, "line and headers of the request have more than 65536"),
    "an endless path": (b"GET /" + b"b" * 300_000, 431, "line and headers of the request have more than 65536 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("pieces", [1, 1_000])
@pytest.mark.parametrize("what", REFUSED)
async def test_a_head_is_refused_with_what_is_wrong(what: str, pieces: int) -> None:
    sent, status, message = REFUSED[what]
    async with served(Limits()) as port, raw_client(port) as client:
        size = -(-len(sent) // pieces)
        for start in range(0, len(sent), size):
            client.send(sent[start : start + size])
            await asyncio.sleep(0)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert json.loads(answer.body)["message"].startswith(message)
        assert await client.is_cut()
        async with raw_client(port) as other:
            other.send(ASKS + b"\r\n")
            assert (await other.answer()).status == 200


async def test_as_much_as_may_be_is_taken() -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        headers = b"".join(b"a%d: %s\r\n" % (number, b"b" * 250) for number in range(99))
        client.send(b"GET /length?" + b"x" * 32_000 + b" HTTP/1.1\r\nhost: x\r\n" + headers + b"\r\n")
        assert (await client.answer()).status == 200


async def test_a_body_that_comes_with_its_head_is_no_part_of_it() -> None:
    async with served(Limits(head_bytes=1_000)) as port, raw_client(port) as client:
        client.send(b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 50000\r\n\r\n" + b"x" * 50_000)
        assert json.loads((await client.answer()).body) == {"length": 50_000}


async def test_each_request_of_a_connection_has_a_head_of_its_own() -> None:
    async with served(Limits(head_bytes=100)) as port, raw_client(port) as client:
        for _ in range(10):
            client.send(ASKS)
            await asyncio.sleep(0.01)
            client.send(b"\r\n")
            assert (await client.answer()).status == 200


async def test_who_would_upgrade_is_answered_as_he_is_and_begins_anew() -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        upgrade = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n\r\n"
        client.send(ASKS + upgrade)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await client.is_cut()


async def test_a_request_behind_a_wrong_one_is_not_taken_for_its_answer() -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        client.send(b"GET /long/0.3 HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(0.1)
        client.send(b"BREW / HTTP/1.1\r\n\r\n")
        assert (await client.answer()).status == 200
        assert await client.is_cut()


@pytest.mark.parametrize("between", [b"", b"GET /length HTTP/1.1\r\nhost: x\r\n\r\n"])
async def test_a_body_that_goes_wrong_behind_a_request_is_not_taken_for_its_answer(between: bytes) -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        client.send(b"GET /long/0.3 HTTP/1.1\r\nhost: x\r\n\r\n" + between)
        client.send(b"POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nno chunk\r\n")
        for _ in range(2 if between else 1):
            assert (await client.answer()).status == 200
        assert await client.is_cut()
