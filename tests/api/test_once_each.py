"""Every POST is done once under its Idempotency-Key: the same body gets the first answer, another one is refused."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import httpx
import pytest

from events.topics import USAGE
from services.api.scopes import PREFIX, TELLING
from services.store import idempotency
from tests.api.answers import message_of
from tests.api.measured import body, item
from tests.api.schemas import OPERATIONS_BELOW, placed
from tests.api_client import http_client
from tests.ingest.live import Live
from tests.store.kit import Store

pytestmark = pytest.mark.stack
KEY = {"Idempotency-Key": "once"}
#: What changes nothing, and so has nothing to do once; what it tells is to be of now.
TOLD = sorted(PREFIX + path for _, path in TELLING)
POSTS = [path for method, path in OPERATIONS_BELOW if method == "POST"]
DOING = [path for path in POSTS if path not in TOLD]


def test_what_only_tells_is_there() -> None:
    assert set(TOLD) <= set(POSTS)
    assert len(DOING) > 25


@pytest.mark.parametrize("path", TOLD)
async def test_what_only_tells_passes_every_key_over(url: str, store: Store, path: str) -> None:
    at, body = placed(path, store.organization), b'{"the": "first body"}'
    request = idempotency.Request(store.organization, "POST", at, "once", body)
    async with store.postgres.transaction() as connection:
        await idempotency.remember(connection, request, b'{"the":"first answer"}')
    async with http_client(url) as client:
        client.headers["content-type"] = "application/json"
        without = await client.post(at, content=body)
        assert without.status_code in (400, 404), without.text
        for key in ("once", "other", "k" * 256):
            keyed = await client.post(at, content=body, headers={"Idempotency-Key": key})
            assert (keyed.status_code, keyed.content) == (without.status_code, without.content), key


@pytest.mark.parametrize("path", DOING)
async def test_every_post_goes_by_its_key(url: str, store: Store, path: str) -> None:
    """Whatever it is about, and before anything else is asked: what was answered under the key stands in the store."""
    at = placed(path, store.organization)
    first = idempotency.Request(store.organization, "POST", at, "once", b'{"the": "first body"}')
    async with store.postgres.transaction() as connection:
        await idempotency.remember(connection, first, b'{"the":"first answer"}')
    async with http_client(url) as client:
        client.headers.update(KEY | {"content-type": "application/json"})
        again = await client.post(at, content=first.body)
        assert (again.status_code, again.content) == (200, b'{"the":"first answer"}')
        other = await client.post(at, content=b'{"the": "other body"}')
        assert message_of(other, 409) == "Idempotency-Key once was used before with another body or query"
        assert other.headers["x-should-retry"] == "false"
        for wrong in ("", "k" * 256):
            answer = await client.post(at, content=first.body, headers={"Idempotency-Key": wrong})
            assert message_of(answer, 400) == "Idempotency-Key: must have 1 to 255 characters"


async def test_a_query_is_a_part_of_what_a_key_stands_for(http: httpx.AsyncClient, store: Store) -> None:
    def approve(account: str) -> Awaitable[httpx.Response]:
        return http.post("/bills/approve", json={}, params={"accountIds": account}, headers=KEY)

    first, second = [await store.account(code) for code in ("one", "other")]
    for _ in range(2):
        assert (await approve(first)).json() == {"message": "0 bills approved"}
    assert message_of(await approve(second), 409).endswith("another body or query")


class Held:
    """Stands in for what submits usage: it goes on when it may, or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from services.api import measurements

        self._publish = measurements._publish
        self.begun, self.may_go_on, self.error = asyncio.Event(), asyncio.Event(), None
        monkeypatch.setattr(measurements, "_publish", self)

    async def __call__(self, *arguments: Any) -> None:
        self.begun.set()
        await self.may_go_on.wait()
        await self._publish(*arguments)


async def test_while_the_first_is_at_work_another_body_is_refused_at_once(
    metered: httpx.AsyncClient, store: Store, system: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.account("acme")
    held_back = Held(monkeypatch)
    first = asyncio.create_task(metered.post("/measurements", json=body(item("acme")), headers=KEY))
    await held_back.begun.wait()
    other = await metered.post("/measurements", json=body(item("acme"), item("acme")), headers=KEY)
    assert "another body" in message_of(other, 409)
    again = asyncio.create_task(metered.post("/measurements", json=body(item("acme")), headers=KEY))
    held_back.may_go_on.set()
    assert {(await answering).status_code for answering in (first, again)} == {200}
    ids = {record.value for _, record in await system.records(USAGE) if store.organization.encode() in record.value}
    assert len(ids) == 1, "what was sent twice has one id"


async def test_after_a_crash_the_key_stands_for_its_body(
    metered: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.account("acme")

    async def crash(*_: Any) -> None:
        raise AssertionError("the process is gone")

    monkeypatch.setattr("services.api.measurements._publish", crash)
    assert (await metered.post("/measurements", json=body(item("acme")), headers=KEY)).status_code == 500
    monkeypatch.undo()
    other = await metered.post("/measurements", json=body(item("acme"), item("acme")), headers=KEY)
    assert "another body" in message_of(other, 409)
    for _ in range(2):
        answer = await metered.post("/measurements", json=body(item("acme")), headers=KEY)
        assert (answer.status_code, answer.json()) == (200, {"result": "accepted"})


async def test_what_was_refused_may_be_mended_under_its_key(metered: httpx.AsyncClient, store: Store) -> None:
    await store.account("acme")
    assert (await metered.post("/measurements", json=body({}), headers=KEY)).status_code == 400
    assert (await metered.post("/measurements", json=body(item("acme")), headers=KEY)).status_code == 200


async def test_a_key_brings_no_organization_into_being(url: str) -> None:
    async with http_client(f"{url}/organizations/nobody") as client:
        for path in ("/measurements", "/bills/approve", "/products"):
            assert "unknown" in message_of(await client.post(path, json={}, headers=KEY), 403)
