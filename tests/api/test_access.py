"""Nobody comes in without a token, with another organization's, or for what the key is not good for; on any route."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import httpx
import pytest
import pytest_asyncio
import structlog
from structlog.testing import capture_logs

from services.access.scopes import ALL
from services.postgres import Postgres
from tests.api.access import UNKNOWN, answers, asked, bearer, headers_of_strangers, lacking, routes
from tests.api_client import CONFIG, By, healthy, http_client, stranger
from tests.store.kit import Store

pytestmark = pytest.mark.stack


@pytest_asyncio.fixture(loop_scope="session")
async def client(url: str, waited: list[Any]) -> AsyncIterator[httpx.AsyncClient]:
    """Plain HTTP, of nobody."""
    async with stranger(url) as client:
        yield client


@contextmanager
def no_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever asks the database for the length of the block fails."""

    def untouched(*_: Any) -> Any:
        raise AssertionError("the database was asked")

    with monkeypatch.context() as patched:
        patched.setattr(Postgres, "connection", untouched)
        yield


@pytest_asyncio.fixture(loop_scope="session")
async def known(store: Store) -> list[str]:
    """Ids of what the organization has."""
    account = await store.account()
    return [account, await store.commitment(account)]


def everywhere(organizations: list[str], ids: list[str]) -> Iterator[tuple[str, str]]:
    """A request to each route, of each organization, about each id."""
    return (asked(route, one, id) for route in routes() for one in organizations for id in ids)


async def test_without_a_token_of_ours_every_route_says_the_same(
    client: httpx.AsyncClient, store: Store, known: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_database(monkeypatch):
        for name, headers in headers_of_strangers(store.organization).items():
            paths = everywhere([store.organization], known[:1])
            more = everywhere(["unknown"], [UNKNOWN]) if not headers else ()
            [(status, sent, text)] = await answers(client, headers, chain(paths, more))
            assert (status, list(json.loads(text))) == (401, ["message"]), name
            assert json.loads(sent)["www-authenticate"] == "Bearer", name
            assert store.organization not in text and known[0] not in text


async def test_another_organizations_key_learns_nothing(
    client: httpx.AsyncClient, store: Store, known: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_database(monkeypatch):
        paths = chain(everywhere([store.organization], [known[1], UNKNOWN]), everywhere(["unknown"], [UNKNOWN]))
        odd = [("GET", f"/organizations/{one}/accounts") for one in ("*", "x" * 200, "%00")]
        [(status, _, text)] = await answers(client, bearer("other"), chain(paths, odd))
    assert (status, json.loads(text)) == (403, {"message": "the access key is not of this organization"})


async def test_a_key_that_lacks_the_scope_learns_nothing(
    client: httpx.AsyncClient, store: Store, known: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_database(monkeypatch):
        for route in routes():
            headers = bearer(store.organization, lacking(route.needed))
            paths = (asked(route, store.organization, id) for id in (known[1], UNKNOWN))
            [(status, _, text)] = await answers(client, headers, paths)
            needed = " or ".join(sorted(route.needed))
            message = f"the access key lacks the scope for this: {needed}"
            assert (status, json.loads(text)) == (403, {"message": message}), route.path


async def test_a_key_with_the_one_scope_comes_in(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.calls.HTTP_SECONDS", 0.05)
    for route in routes():
        for scope in route.needed:
            method, path = asked(route, store.organization)
            headers = bearer(store.organization, frozenset({scope}))
            answer = await client.request(method, path, content=b"{}", headers=headers)
            assert answer.status_code not in (401, 403), (route.path, answer.text)


async def test_what_was_refused_has_done_nothing(client: httpx.AsyncClient, store: Store, known: list[str]) -> None:
    async def made() -> list[int]:
        tables = ("events", "entities", "idempotency", "bill_jobs", "refused_usage")
        counts = [f"(SELECT count(*) FROM store.{one} WHERE organization = '{store.organization}')" for one in tables]
        async with store.postgres.connection() as connection:
            return list((await connection.fetchrow(f"SELECT {', '.join(counts)}")).values())

    before = await made()
    for headers in (bearer("other"), bearer(store.organization, frozenset()), {}):
        await answers(client, headers, everywhere([store.organization], known[1:]))
    assert await made() == before


async def test_an_organization_comes_into_being_by_its_own_key(url: str, store: Store) -> None:
    name = f"{store.organization}-new"
    async with http_client(f"{url}/organizations/{name}", by=By("founder", name)) as own:
        refused = await own.get("/accounts")
        assert refused.status_code == 403 and f"organization {name} is unknown" in refused.json()["message"]
        made = await own.put("/organizationconfig", json=CONFIG)
        assert (made.status_code, made.json()["createdBy"]) == (200, "USER_founder")
        assert (await own.get("/accounts")).json() == {"data": []}


async def test_what_is_of_no_organization_is_open(client: httpx.AsyncClient) -> None:
    await healthy(client)
    assert (await client.get("/openapi.json")).status_code == 200


async def test_nobody_names_himself(client: httpx.AsyncClient, store: Store) -> None:
    claimed = {"x-actor": "USER_boss", "from": "boss", **bearer(store.organization, ALL)}
    body = {"code": "p", "name": "P", "createdBy": "USER_boss", "actor": "USER_boss"}
    path = f"/organizations/{store.organization}/products"
    answer = await client.post(path, json={"code": "p", "name": "P"}, headers=claimed)
    assert (answer.status_code, answer.json()["createdBy"]) == (200, "USER_somebody")
    assert (await client.post(path, json=body | {"code": "q"}, headers=claimed)).status_code == 400


async def test_a_bug_is_logged_by_its_request_and_its_organization_and_the_next_request_has_neither(
    url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("services.jobs.table.JobTable.newest", fails)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        async with http_client(url) as client:
            headers = {"x-correlation-id": "mine"}
            failed = await client.get(f"/organizations/{store.organization}/billjobs", headers=headers)
            monkeypatch.setattr("services.api.health.Health.report", fails)
            next_one = await client.get("/health")  # on the same connection
    assert (failed.status_code, next_one.status_code) == (500, 500)
    [line, other] = [line for line in logged if line["event"] == "request_failed"]
    assert (line["correlation"], line["organization"]) == ("mine", store.organization)
    assert "organization" not in other and other["correlation"] != "mine"
