"""Who did it, over HTTP: the access key id that a client had its token for stands in `createdBy`, `lastModifiedBy`."""

import asyncio
from typing import Any

import httpx
import pytest

from services.demo.client import Client
from services.simulate.live_player import LiveSystem
from services.store.events import read_stream
from tests.api_client import CONFIG, By
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def done(http: httpx.AsyncClient, method: str, path: str, body: Any = None, by: str = "tests") -> Any:
    """A request that must succeed, by whom; returns its document."""
    answer = await http.request(method, path, json=body, auth=By(by))
    assert answer.status_code == 200, answer.text
    return answer.json()


def hands(document: dict[str, Any]) -> tuple[str, str]:
    return document["createdBy"], document["lastModifiedBy"]


async def test_a_resource_names_who_created_it_and_who_changed_it_last(http: httpx.AsyncClient, store: Store) -> None:
    made = await done(http, "POST", "/products", {"code": "p", "name": "P"}, by="alice")
    assert hands(made) == ("USER_alice", "USER_alice")
    path = f"/products/{made['id']}"
    changed = await done(http, "PUT", path, {"code": "p", "name": "Q", "version": 1}, by="bob")
    assert hands(changed) == hands(await done(http, "GET", path)) == ("USER_alice", "USER_bob")
    [listed] = (await done(http, "GET", "/products"))["data"]
    assert hands(listed) == ("USER_alice", "USER_bob")
    async with store.postgres.connection() as connection:
        events = await read_stream(connection, store.organization, f"product-{made['id']}", "g")
    assert [envelope.actor for _, envelope in events] == ["USER_alice", "USER_bob"]


async def test_the_configuration_top_ups_and_transactions_name_who_did_them(
    http: httpx.AsyncClient, store: Store
) -> None:
    config = await done(http, "GET", "/organizationconfig")
    assert hands(config) == ("USER_LOCAL", "USER_LOCAL")  # what the store made has no caller
    configured = await done(http, "PUT", "/organizationconfig", CONFIG | {"version": 1}, by="alice")
    assert hands(configured) == ("USER_LOCAL", "USER_alice")
    commitment = await store.commitment(account := await store.account())
    top_up = {"amount": 5, "date": "2026-02-01", "version": 1}
    raised = await done(http, "POST", f"/commitments/{commitment}/topups", top_up, by="bob")
    assert hands(raised) == ("USER_LOCAL", "USER_bob")
    terms = {"startDate": "2026-01-01", "endDate": "2027-01-01", "currency": "USD"}
    body = {"accountId": account, "name": "B", "code": "b", **terms}
    balance = await done(http, "POST", "/balances", body, by="alice")
    path = f"/balances/{balance['id']}"
    paid = await done(http, "POST", f"{path}/transactions", {"amount": 3}, by="carol")
    assert hands(paid) == ("USER_carol", "USER_carol")
    assert hands(await done(http, "GET", path)) == ("USER_alice", "USER_carol")


async def test_resources_are_searched_by_who_did_it(http: httpx.AsyncClient, store: Store) -> None:
    account = await store.account()
    body = {"accountId": account, "amount": 1, "currency": "USD", "startDate": "2026-01-01", "endDate": "2027-01-01"}
    by_alice = (await done(http, "POST", "/commitments", body, by="alice"))["id"]
    by_tests = (await done(http, "POST", "/commitments", body))["id"]
    for query, expected in {
        "searchQuery=createdBy:USER_alice": [by_alice],
        "searchQuery=createdBy:USER_tests": [by_tests],
        "searchQuery=lastModifiedBy~USER_&sortBy=createdBy&sortOrder=ASC": [by_alice, by_tests],
    }.items():
        found = await done(http, "GET", f"/commitments/search?{query}")
        assert [entry["id"] for entry in found["data"]] == expected, query


async def test_the_demo_and_simulate_live_sign_in_by_a_key(url: str, store: Store) -> None:
    key = await store.credentials()
    by_key = (f"USER_{key.access_key_id}",) * 2
    client = Client(url, store.organization, key)
    assert hands(await client.call("POST", "products", {"code": "d", "name": "D"})) == by_key
    await client.close()

    def play() -> Any:
        with LiveSystem(url, store.endpoints.kafka, key) as system:
            return system.player().organization.call("PUT", "organizationconfig", CONFIG)

    assert hands(await asyncio.to_thread(play)) == by_key


async def test_a_bill_job_names_who_asked_for_it_and_who_cancelled_it(http: httpx.AsyncClient) -> None:
    job = await done(http, "POST", "/billjobs", {"lastDateInBillingPeriod": "2026-01-31"}, by="alice")
    assert hands(job) == ("USER_alice", "USER_alice")
    cancelled = await done(http, "POST", f"/billjobs/{job['id']}/cancel", by="bob")
    assert hands(cancelled)[0] == "USER_alice"
    assert (cancelled["status"], hands(cancelled)[1]) in {("CANCELLED", "USER_bob"), ("COMPLETE", "billing")}
