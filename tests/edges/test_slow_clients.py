"""Who takes too long, or sends without end, is told so and cut off; who keeps the rules is not."""

import asyncio
import json

import pytest

from services.api import cli
from services.api.edges import connections
from services.api.edges.connections import Limits
from tests.edges.serving import CUT_SECONDS, Answer, Raw, raw_client, served

#: A client that has half a second for everything.
HASTY = Limits(client_seconds=0.5)
HEAD = b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.fixture(autouse=True)
def _looked_at_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test waits until its client was looked at once or twice: a tenth of a second each time instead of one."""
    monkeypatch.setattr(cli, "LOOK_SECONDS", 0.1)


async def trickle(client: Raw, data: bytes) -> None:
    """Byte by byte, for as long as anybody listens."""
    for byte in data:
        if client.writer.is_closing():
            return
        client.send(bytes([byte]))
        await asyncio.sleep(0.05)


def message_of(answer: Answer) -> str:
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return str(json.loads(answer.body)["message"])


@pytest.mark.parametrize("sent", [b"POST /", HEAD])
async def test_a_head_that_comes_byte_by_byte_is_cut_off(sent: bytes) -> None:
    async with served(HASTY) as port, raw_client(port) as client:
        client.send(sent)
        slowly = asyncio.create_task(trickle(client, b"y" * 200))
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert message_of(answer) == "the head of the request was not there after 0.5 s"
        assert await client.is_cut()
        slowly.cancel()


@pytest.mark.parametrize("length", [b"content-length: 200\r\n\r\n", b"transfer-encoding: chunked\r\n\r\nff\r\n"])
async def test_a_body_that_comes_byte_by_byte_is_cut_off(length: bytes) -> None:
    async with served(HASTY) as port, raw_client(port) as client:
        client.send(HEAD + length)
        slowly = asyncio.create_task(trickle(client, b"y" * 200))
        answer = await client.answer()
        assert answer.status == 408
        assert message_of(answer) == "the body of the request was not there after 0.5 s"
        assert await client.is_cut()
        slowly.cancel()


#: What may stand around a body that comes in chunks, as often as somebody likes.
ENDLESS = {"a trailer": b"y" * 9_999, "trailers": b"a: b\r\n" * 2_000, "what is said of a chunk": b";a=" + b"y" * 9_999}


@pytest.mark.parametrize("what", ENDLESS)
async def test_what_is_around_a_body_without_end_is_cut_off(what: str) -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        client.send(HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        client.send(b"5" if "chunk" in what else b"0\r\n")
        for _ in range(20):
            client.send(ENDLESS[what])
            await asyncio.sleep(0.01)
        answer = await client.answer()
        assert answer.status == 431
        assert message_of(answer) == "around the body of the request are more than 65536 bytes"
        assert await client.is_cut()


async def test_an_answer_is_the_last_word_about_a_body_that_goes_wrong_behind_it() -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        client.send(b"POST /unread HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        assert (await client.answer()).status == 200
        client.send(b"no chunk\r\n")
        async with asyncio.timeout(CUT_SECONDS):
            assert await client.reader.read() == b""


async def test_many_small_chunks_are_a_body() -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        client.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
        assert json.loads((await client.answer()).body) == {"length": 50_000}


async def test_a_trailer_is_no_header() -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        trailers = b"x-correlation-id: another\r\ncontent-encoding: gzip\r\n\r\n"
        client.send(HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + trailers)
        answer = await client.answer()
        assert (answer.status, json.loads(answer.body)) == (200, {"length": 1})
        assert answer.headers["x-correlation-id"] != "another"


async def test_blank_lines_before_a_request_are_a_part_of_its_head() -> None:
    async with served(HASTY) as port, raw_client(port) as client:
        slowly = asyncio.create_task(trickle(client, b"\r\n" * 100))
        assert (await client.answer()).status == 408
        slowly.cancel()


async def test_an_answer_that_nobody_reads_is_given_up() -> None:
    async with served(HASTY) as port, raw_client(port) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(b"GET /much/50000000 HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(2)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        received = 0
        try:
            async with asyncio.timeout(10):
                while data := await client.reader.read(1 << 20):
                    received += len(data)
        except ConnectionError:
            pass
        assert received < 50_000_000


async def test_an_answer_that_is_read_at_some_speed_is_given_whole() -> None:
    async with served(HASTY) as port, raw_client(port) as client:
        client.send(b"GET /much/25000000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        received = 0
        while data := await client.reader.read(1 << 20):
            received += len(data)
            await asyncio.sleep(0.03)
        assert received > 25_000_000


async def test_what_never_asks_is_closed() -> None:
    async with served(Limits(idle_seconds=1)) as port, raw_client(port) as silent, raw_client(port) as once:
        once.send(b"GET /length HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await once.answer()).status == 200
        assert await silent.is_cut()
        assert await once.is_cut()


async def test_the_time_between_requests_begins_with_the_answer() -> None:
    async with served(Limits(idle_seconds=3)) as port, raw_client(port) as client:
        client.send(b"GET /long/2.5 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await client.answer()).status == 200
        await asyncio.sleep(2)
        client.send(b"GET /length HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await client.answer()).status == 200


async def test_an_app_may_take_longer_than_its_client() -> None:
    async with served(HASTY) as port, raw_client(port) as client:
        for _ in range(2):
            client.send(b"GET /long/1 HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await client.answer()).status == 200


async def test_a_pause_between_requests_is_nobodys_fault() -> None:
    async with served(HASTY) as port, raw_client(port) as client:
        for _ in range(3):
            client.send(b"GET /length HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await client.answer()).status == 200
            await asyncio.sleep(1)


async def test_requests_that_come_at_once_are_answered_one_after_the_other() -> None:
    async with served(HASTY) as port, raw_client(port) as client:
        client.send((HEAD + b"content-length: 3\r\n\r\nabc") * 5 + b"GET /length HTTP/1.1\r\nhost: x\r\n\r\n")
        assert [json.loads((await client.answer()).body)["length"] for _ in range(6)] == [3, 3, 3, 3, 3, 0]


async def test_who_goes_on_sending_after_the_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.5)
    async with served(Limits()) as port, raw_client(port) as client:
        client.send(b"POST /unread HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        slowly = asyncio.create_task(trickle(client, b"1\r\nx\r\n" * 50))
        assert (await client.answer()).status == 200
        assert await client.is_cut()
        slowly.cancel()


async def test_who_waits_longest_without_asking_makes_room() -> None:
    async with served(Limits(connections=2)) as port, raw_client(port) as first, raw_client(port) as busy:
        busy.send(b"GET /long/1.5 HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(0.2)
        async with raw_client(port) as newcomer:
            newcomer.send(b"GET /length HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await newcomer.answer()).status == 200
            assert await first.is_cut()
            assert (await busy.answer()).status == 200


async def test_where_all_ask_a_newcomer_is_sent_away() -> None:
    async with served(Limits(connections=1)) as port, raw_client(port) as busy:
        busy.send(b"GET /long/1 HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(0.2)
        async with raw_client(port) as newcomer:
            answer = await newcomer.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert message_of(answer) == "there are too many connections; try again later"
        assert (await busy.answer()).status == 200
