"""Bodies: of a type that the path takes, packed or not, never held beyond their bound."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from services.api.edges.bodies import (
    BODY_BYTES_MAX,
    MEMBERS_MAX,
    BodyTooLargeError,
    BrokenEncodingError,
    UnsupportedMediaError,
    body_of,
    check_media,
)
from services.api.edges.connections import Limits
from services.api.wire import LEVELS_MAX, VALUES_MAX, parse_json
from services.commands.refused import InvalidField
from tests.edges.serving import raw_client, served

JSON, FORM = ("application/json",), ("application/json", "application/x-www-form-urlencoded")


def request_of(body: bytes, **headers: str) -> Request:
    """A request whose body comes in pieces of 10,000 bytes."""
    pieces = [body[start : start + 10_000] for start in range(0, len(body), 10_000)] or [b""]
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    return Request({"type": "http", "method": "POST", "headers": named}, receive)


@pytest.mark.parametrize("name", ["gzip", "x-gzip", " GZIP "])
async def test_a_packed_body_is_unpacked(name: str) -> None:
    body = json.dumps({"name": "x" * 30_000}).encode()
    assert await body_of(request_of(gzip.compress(body), content_encoding=name)) == body


async def test_gzip_may_be_put_together_from_parts() -> None:
    parts = gzip.compress(b'{"a":') + gzip.compress(b"1}")
    assert await body_of(request_of(parts, content_encoding="gzip")) == b'{"a":1}'


async def test_nothing_needs_no_unpacking() -> None:
    assert await body_of(request_of(b"", content_encoding="gzip")) == b""
    assert await body_of(request_of(b"{}", content_encoding="identity")) == b"{}"


@pytest.mark.parametrize("size", [BODY_BYTES_MAX, BODY_BYTES_MAX + 1])
@pytest.mark.parametrize("packed", [True, False])
async def test_a_body_has_a_bound_however_it_comes(size: int, packed: bool) -> None:
    body = b" " * size
    sent = request_of(gzip.compress(body), content_encoding="gzip") if packed else request_of(body)
    if size <= BODY_BYTES_MAX:
        assert await body_of(sent) == body
    else:
        with pytest.raises(BodyTooLargeError, match="body: is larger than 1048576 bytes"):
            await body_of(sent)


async def test_what_would_unpack_to_a_hundred_times_the_bound_is_not_held() -> None:
    packer = zlib.compressobj(1, wbits=31)
    bomb = b"".join(packer.compress(b"\0" * BODY_BYTES_MAX) for _ in range(100)) + packer.flush()
    assert len(bomb) < BODY_BYTES_MAX
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            await body_of(request_of(bomb, content_encoding="gzip"))
        assert tracemalloc.get_traced_memory()[1] < 8 * BODY_BYTES_MAX
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "broken",
    [
        gzip.compress(b"{}" * 100)[:-1],
        gzip.compress(b"{}")[:5],
        b"{}",
        gzip.compress(b"{}") + b"more",
        zlib.compress(b"{}"),
        gzip.compress(b"{}")[:-6] + b"\0\0\0\0\0\0",
        gzip.compress(b"") * (MEMBERS_MAX + 1),
    ],
    ids=["cut", "a head alone", "not packed", "more behind it", "zlib", "another sum", "too many parts"],
)
async def test_what_is_no_whole_gzip_is_refused(broken: bytes) -> None:
    with pytest.raises(BrokenEncodingError):
        await body_of(request_of(broken, content_encoding="gzip"))


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "none", "x" * 1_000])
async def test_another_encoding_is_refused_with_the_one_that_there_is(encoding: str) -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        head = "POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-encoding: "
        client.send(f"{head}{encoding}\r\n\r\n{{}}".encode())
        answer = await client.answer()
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "gzip")
    message = json.loads(answer.body)["message"]
    assert message.startswith(f"Content-Encoding: must be gzip or none at all, not {encoding[:9]}")
    assert len(message) < 200


async def test_a_body_that_says_that_it_is_too_large_is_not_even_asked_for() -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        client.send(b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\nexpect: 100-continue\r\n\r\n")
        answer = await client.answer()
    assert (answer.status, json.loads(answer.body)) == (413, {"message": "body: is larger than 1048576 bytes"})


async def test_an_endless_body_is_refused_and_its_client_hears_of_it() -> None:
    async with served(Limits()) as port, raw_client(port) as client:
        client.send(b"POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(40):
            client.send(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        answer = await client.answer()
        assert (answer.status, json.loads(answer.body)) == (413, {"message": "body: is larger than 1048576 bytes"})
        assert await client.is_cut()


@pytest.mark.parametrize(
    "given",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/json ; charset=us-ascii",
        "application/json; q=1",
        "",
    ],
)
def test_json_is_json_however_it_is_spelled_or_if_it_says_nothing(given: str) -> None:
    check_media(Headers({"content-type": given, "content-length": "2"}), JSON)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("text/plain", "must be application/json, not text/plain"),
        ("application/x-www-form-urlencoded", "must be application/json, not application/x-www-form-urlencoded"),
        (
            "application/json; charset=x",
            "must be application/json in UTF-8, not application/json; charset=x",
        ),
        ("application/jsonp", "must be application/json, not application/jsonp"),
        ("x" * 9_000, f"must be application/json, not {'x' * 80}..."),
    ],
)
@pytest.mark.parametrize("length", [{"content-length": "2"}, {"transfer-encoding": "chunked"}])
def test_what_is_sent_must_not_say_that_it_is_anything_but_json(given: str, words: str, length: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaError) as refused:
        check_media(Headers({"content-type": given, **length}), JSON)
    assert str(refused.value) == f"Content-Type: {words}"


def test_a_path_may_take_forms_too() -> None:
    for kind in FORM:
        check_media(Headers({"content-type": kind, "content-length": "2"}), FORM)
    with pytest.raises(UnsupportedMediaError, match="application/json or application/x-www-form-urlencoded, not text/"):
        check_media(Headers({"content-type": "text/plain", "content-length": "2"}), FORM)


@pytest.mark.parametrize("headers", [{}, {"content-length": "0"}])
def test_where_nothing_is_sent_its_type_says_nothing(headers: dict[str, str]) -> None:
    check_media(Headers({"content-type": "text/plain", **headers}), JSON)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"[" * 10_000, "is nested too deeply"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "is nested too deeply"),
        (b"[" * (LEVELS_MAX + 1) + b"1" + b"]" * (LEVELS_MAX + 1), "is nested too deeply"),
        (b"[" + b",".join([b"1"] * (VALUES_MAX + 1)) + b"]", "has more than 20000 values"),
        (b"[" + b",".join([b"{}"] * 300_000) + b"]", "has more than 20000 values"),
        (b"[" * 100_000, "has more than 20000 values"),
        (b'"' + b'\\"' * 400_000 + b"\\", "must be JSON: Unterminated string"),
    ],
    ids=["lists", "objects", "just too deep", "just too many", "many objects", "too many lists", "an endless text"],
)
def test_no_body_takes_long_to_be_refused(body: bytes, rule: str) -> None:
    with pytest.raises(InvalidField, match=f"body: {rule}"):
        parse_json(body)


def test_marks_within_texts_are_no_values() -> None:
    text = '[{,"\\' * 30_000
    assert parse_json(json.dumps({"a": text, "b": "\\"}).encode()) == {"a": text, "b": "\\"}
    deepest = b"[" * LEVELS_MAX + b"1" + b"]" * LEVELS_MAX
    assert parse_json(deepest)
    assert len(parse_json(b"[" + b",".join([b"1"] * (VALUES_MAX - 1)) + b"]")) == VALUES_MAX - 1
