"""What the HTTP edge promises: statuses, messages, exact numbers, paging, keys, races."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from events.decimals import plain
from services.access.tokens import EVERY
from services.postgres import PostgresUnreachableError
from tests.api.answers import message_of
from tests.api_client import CONFIG, By, http_client
from tests.store.kit import Store

pytestmark = pytest.mark.stack


def commitment_body(account: str, **more: Any) -> dict[str, Any]:
    terms = {"accountId": account, "amount": 100, "currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01"}
    return terms | more


@pytest_asyncio.fixture(loop_scope="session")
async def account(store: Store) -> AsyncIterator[str]:
    yield await store.account("acme")


async def test_money_never_passes_through_a_float(http: httpx.AsyncClient, account: str) -> None:
    digits = "123456789012345678.10"
    body = json.dumps(commitment_body(account)).replace('"amount": 100', f'"amount": {digits}')
    made = await http.post("/commitments", content=body)
    assert f'"amount":{digits},' in made.text
    read = json.loads((await http.get(f"/commitments/{made.json()['id']}")).text, parse_float=Decimal)
    assert plain(read["amount"]) == digits


async def test_absent_stays_absent_and_instants_carry_z(http: httpx.AsyncClient, account: str) -> None:
    made = (await http.post("/commitments", json=commitment_body(account, contractId=None))).json()
    answered = {"id", "version", "dtCreated", "dtLastModified", "createdBy", "lastModifiedBy"}
    derived = {"amountSpent", "amountRemaining", "amountRolledOver", "amountLapsed", "status"}
    assert set(made) == set(commitment_body(account)) | answered | derived
    assert made["dtCreated"].endswith("Z")
    assert (made["startDate"], made["amountSpent"], made["amountRemaining"]) == ("2026-01-01", 0, 100)


async def test_the_version_of_a_create_says_nothing(http: httpx.AsyncClient, account: str) -> None:
    for sent in (0, 1, 7):
        made = await http.post("/commitments", json=commitment_body(account, version=sent))
        assert (made.status_code, made.json()["version"]) == (200, 1)


async def test_a_whole_answer_can_be_sent_back(http: httpx.AsyncClient, account: str) -> None:
    made = (await http.post("/commitments", json=commitment_body(account))).json()
    changed = await http.put(f"/commitments/{made['id']}", json=made | {"amount": 200})
    assert (changed.status_code, changed.json()["version"], changed.json()["amount"]) == (200, 2, 200)


async def test_top_up_cancel_and_history(http: httpx.AsyncClient, account: str) -> None:
    path = f"/commitments/{(await http.post('/commitments', json=commitment_body(account))).json()['id']}"
    raised = await http.post(f"{path}/topups", json={"amount": 50.25, "date": "2026-02-01", "version": 1})
    assert raised.json()["topUps"] == [{"amount": 50.25, "date": "2026-02-01", "recurring": False}]
    assert (raised.json()["version"], raised.json()["amountRemaining"]) == (2, 150.25)
    stale = await http.post(f"{path}/cancel", json={"date": "2026-03-01", "version": 1})
    assert "is at version 2, not 1" in message_of(stale, 409)
    ended = await http.post(f"{path}/cancel", json={"date": "2026-03-01", "policy": "KEEP", "version": 2})
    assert ended.json()["cancellation"] == {"date": "2026-03-01", "policy": "KEEP"}
    again = await http.put(path, json=commitment_body(account, version=3))
    assert "is cancelled and takes no further change" in message_of(again, 409)
    assert again.headers["x-should-retry"] == "false"
    await http.delete(path)
    history = (await http.get(f"{path}/history")).json()["data"]
    kinds = ["CommitmentCreated", "CommitmentToppedUp", "CommitmentCancelled", "CommitmentDeleted"]
    assert [event["type"] for event in history] == kinds
    assert [event["version"] for event in history] == [1, 2, 3, 4]


async def test_two_writers_racing_on_one_version_are_one_winner(http: httpx.AsyncClient, account: str) -> None:
    made = (await http.post("/commitments", json=commitment_body(account))).json()
    puts = [http.put(f"/commitments/{made['id']}", json=made | {"amount": n}) for n in range(1, 9)]
    statuses = sorted([response.status_code for response in await asyncio.gather(*puts)])
    assert statuses == [200] + [409] * 7
    assert (await http.get(f"/commitments/{made['id']}")).json()["version"] == 2


async def test_a_retried_post_is_done_once(http: httpx.AsyncClient, account: str) -> None:
    key = {"Idempotency-Key": "k1"}
    posts = [http.post("/commitments", json=commitment_body(account), headers=key) for _ in range(5)]
    answers = await asyncio.gather(*posts)
    assert {response.json()["id"] for response in answers} == {answers[0].json()["id"]}
    assert len((await http.get("/commitments")).json()["data"]) == 1
    later = [await http.post("/commitments", json=commitment_body(account), headers=key) for _ in range(2)]
    assert later[0].content == later[1].content
    other = await http.post("/commitments", json=commitment_body(account, amount=7), headers=key)
    assert "Idempotency-Key k1 was used before with another body" in message_of(other, 409)
    elsewhere = await http.post("/products", json={"code": "p", "name": "P"}, headers=key)
    assert elsewhere.status_code == 200
    long = await http.post("/products", json={"code": "q", "name": "P"}, headers={"Idempotency-Key": "k" * 256})
    assert "Idempotency-Key: must have 1 to 255 characters" in message_of(long, 400)


async def test_a_refused_post_may_be_mended_under_its_key(http: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "mended"}
    assert (await http.post("/products", json={"code": "p"}, headers=key)).status_code == 400
    assert (await http.post("/products", json={"code": "p", "name": "P"}, headers=key)).status_code == 200


async def test_commitments_are_listed_by_their_filters(http: httpx.AsyncClient, store: Store, account: str) -> None:
    product, other = (
        await store.create("product", code="p", name="P"),
        await store.create("product", code="q", name="Q"),
    )
    contract = await store.create("contract", accountId=account, name="C", startDate="2026-01-01", endDate="2027-01-01")
    plain_one = await store.commitment(account)
    scoped = await store.commitment(account, productIds=[product], endDate="2026-07-01")
    linked = await store.commitment(account, contractId=contract, startDate="2026-06-01")
    foreign = await store.commitment(await store.account("other"))
    for query, expected in {
        "": [foreign, linked, scoped, plain_one],
        f"accountId={account}": [linked, scoped, plain_one],
        f"productId={other}": [foreign, linked, plain_one],
        f"productId={product}": [foreign, linked, scoped, plain_one],
        f"contractId={contract}": [linked],
        f"contractId=&accountId={account}": [scoped, plain_one],
        f"date=2026-07-01&accountId={account}": [linked, plain_one],
        f"date=2026-05-31&accountId={account}": [scoped, plain_one],
        f"endDateStart=2026-07-01&endDateEnd=2027-01-01&accountId={account}": [scoped],
        f"ids={scoped},{linked}": [linked, scoped],
        f"ids={scoped}&ids={linked}": [linked, scoped],
    }.items():
        listed = (await http.get(f"/commitments?{query}")).json()
        assert [entry["id"] for entry in listed["data"]] == expected, query
        assert "nextToken" not in listed


async def test_commitments_are_searched(http: httpx.AsyncClient, store: Store, account: str) -> None:
    small, large = await store.commitment(account, amount=9), await store.commitment(account, amount=1000)
    late = await store.commitment(account, startDate="2026-06-01")
    day = date.today().isoformat()
    for query, expected in {
        "searchQuery=startDate>2026-01-01": [late],
        "searchQuery=startDate>=2026-01-01&sortBy=amount&sortOrder=ASC": [small, late, large],
        "searchQuery=startDate<2026-03-01&sortBy=amount": [large, small],
        f"searchQuery=accountId:{account}$startDate:2026-06-01": [late],
        f"searchQuery=startDate:2026-06-01$id:{small}&operator=OR": [late, small],
        "searchQuery=startDate~2026-06": [late],
        f"searchQuery=ids:{small},{late}": [late, small],
        f"searchQuery=dtCreated>={day}T00:00:00Z&fromDocument=1&pageSize=1": [],
        "searchQuery=createdBy:nobody": [],
        "fromDocument=1&pageSize=1": [large],
    }.items():
        found = await http.get(f"/commitments/search?{query}")
        assert [entry["id"] for entry in found.json()["data"]] == expected, query


async def test_what_is_referred_to_stays(http: httpx.AsyncClient, store: Store, account: str) -> None:
    await store.commitment(account)
    response = await http.delete(f"/accounts/{account}")
    assert f"account {account} is not deleted: commitment " in message_of(response, 409)


async def test_a_deleted_code_is_free_again(http: httpx.AsyncClient) -> None:
    first = (await http.post("/products", json={"code": "p", "name": "P"})).json()
    taken = await http.post("/products", json={"code": "p", "name": "P"})
    assert f"code: p is taken by product {first['id']}" in message_of(taken, 409)
    assert (await http.delete(f"/products/{first['id']}")).json()["code"] == "p"
    assert (await http.post("/products", json={"code": "p", "name": "P"})).status_code == 200


async def test_an_organization_with_a_test_clock_lives_in_its_own_time(url: str, store: Store) -> None:
    organization = f"{store.organization}-clock"
    async with http_client(f"{url}/organizations/{organization}") as client:
        assert "is unknown" in message_of(await client.get("/clock"), 403)
        assert (await client.put("/organizationconfig", json=CONFIG | {"testClock": True})).status_code == 200
        assert (await client.get("/clock")).json() == {"now": "1970-01-01T00:00:00Z"}
        moved = await client.post("/clock", json={"now": "2026-02-01T01:00:00+01:00"})
        assert moved.json() == {"now": "2026-02-01T00:00:00Z"}
        back = await client.post("/clock", json={"now": "2026-01-01T00:00:00Z"})
        assert "now: must not be before the clock" in message_of(back, 400)
        made = await client.post("/products", json={"code": "p", "name": "P"})
        assert made.json()["dtCreated"] == "2026-02-01T00:00:00Z"


async def test_an_absent_postgres_is_503_and_named_and_an_operator_is_told_where_it_is(
    url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> object:
        raise PostgresUnreachableError("postgresql://u:secret@host/db", ConnectionRefusedError("refused"))

    monkeypatch.setattr("services.postgres.Postgres.connection", away)
    own, operators = By("own", store.organization), By("operator", EVERY)
    for by, message in (
        (own, "Postgres did not answer"),
        (operators, "Postgres at postgresql://u:***@host/db did not answer: refused"),
    ):
        async with http_client(f"{url}/organizations/{store.organization}", by=by) as client:
            assert message_of(await client.get("/products"), 503) == message
