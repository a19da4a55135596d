"""What every answer has: a name, headers that say what not to do with it; and nobody sees a stack trace."""

import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
import structlog
from structlog.testing import capture_logs

from services.api.edges.connections import Limits
from tests.api.schemas import idle_app, operations, placed
from tests.api_client import http_client, in_process
from tests.edges.serving import raw_client, served


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def port() -> AsyncIterator[int]:
    async with served(Limits()) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def http(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(f"http://127.0.0.1:{port}") as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def whole() -> AsyncIterator[httpx.AsyncClient]:
    """The whole app, of which nothing is reached that needs a database."""
    async with in_process(idle_app()) as client:
        yield client


@pytest.mark.parametrize(("path", "status"), [("/length", 200), ("/nothing", 404), ("/bug", 500)])
async def test_every_answer_says_what_not_to_do_with_it(http: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await http.get(path, headers={"x-correlation-id": "mine"})
    assert answer.status_code == status
    headers = [(name, value) for name, value in answer.headers.multi_items() if name[0] in "cx"]
    assert ("x-content-type-options", "nosniff") in headers
    assert ("cache-control", "no-store") in headers
    assert ("x-correlation-id", "mine") in headers
    assert "server" not in answer.headers
    assert len(headers) == len(dict(headers)), "none stands twice"


@pytest.mark.parametrize("given", [{}, {"x-correlation-id": ""}, {"x-correlation-id": "x" * 201}])
async def test_a_request_without_a_name_gets_one_of_its_own(http: httpx.AsyncClient, given: dict[str, str]) -> None:
    names = {(await http.get("/length", headers=given)).headers["x-correlation-id"] for _ in range(3)}
    assert len(names) == 3
    assert {len(name) for name in names} == {16}


async def test_a_name_that_no_header_can_bear_is_not_given_back(port: int) -> None:
    async with raw_client(port) as client:
        client.send(b"GET /length HTTP/1.1\r\nhost: x\r\nx-correlation-id: \xe4\r\n\r\n")
        assert len((await client.answer()).headers["x-correlation-id"]) == 16


async def test_a_bug_is_logged_by_its_requests_name_and_not_shown(http: httpx.AsyncClient) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        answer = await http.get("/bug", headers={"x-correlation-id": "mine"})
    message = "an error inside Trueup; its log says more about x-correlation-id mine"
    assert (answer.status_code, answer.json()) == (500, {"message": message})
    [line] = [line for line in logged if line["event"] == "request_failed"]
    assert isinstance(line["exc_info"], ZeroDivisionError)
    assert line["correlation"] == "mine"


async def test_a_bug_in_the_middle_of_an_answer_cuts_the_connection(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(httpx.RemoteProtocolError):
        await http.get("/late-bug")
    assert "the words of a bug" in caplog.text


async def test_a_client_that_leaves_is_no_failure_of_ours(port: int, caplog: pytest.LogCaptureFixture) -> None:
    with capture_logs() as logged, caplog.at_level(logging.ERROR):
        async with raw_client(port) as client:
            client.send(b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc")
        async with raw_client(port) as client:
            client.send(b"GET /long/0.2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert (await client.answer()).status == 200
    assert [line["event"] for line in logged if line["log_level"] != "debug"] == []
    assert not caplog.records


async def test_head_is_get_without_its_body(port: int) -> None:
    async with raw_client(port) as client:
        client.send(b"HEAD /much/70000 HTTP/1.1\r\nhost: x\r\n\r\nHEAD /nothing HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = await client.answer(head=True)
        assert (answer.status, answer.headers["content-length"]) == (200, "70000")
        assert (await client.answer(head=True)).status == 404


async def test_all_of_a_server_may_be_asked_for_no_method(port: int) -> None:
    async with raw_client(port) as client:
        client.send(b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await client.answer()).status == 404


METHODS: dict[str, set[str]] = {}
for method, path, _ in operations():
    METHODS.setdefault(path, set()).add(method)


async def test_every_path_says_what_may_be_done_there(whole: httpx.AsyncClient) -> None:
    for path, methods in METHODS.items():
        answer = await whole.options(placed(path, "acme"))
        assert (answer.status_code, answer.content) == (204, b""), path
        allowed = set(answer.headers["allow"].split(", "))
        assert allowed >= methods | {"OPTIONS"}, path
        assert ("HEAD" in allowed) == ("GET" in allowed), path
        assert not [name for name in answer.headers if name.startswith("access-control")], path


async def test_every_path_refuses_any_other_method(whole: httpx.AsyncClient) -> None:
    for at in (placed(path, "acme") for path in METHODS):
        allowed = (await whole.options(at)).headers["allow"]
        others = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"} - set(allowed.split(", "))
        for method in others:
            answer = await whole.request(method, at)
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed), f"{method} {at}"
            if method != "HEAD":
                assert json.loads(answer.content) == {"message": f"{method} is not offered on {at}"}


async def test_a_path_that_there_is_not_has_no_methods(whole: httpx.AsyncClient) -> None:
    for method in ("OPTIONS", "HEAD", "GET", "TRACE"):
        answer = await whole.request(method, "/nothing")
        assert (answer.status_code, "allow" in answer.headers) == (404, False)
