"""Events by m3ter's own client: every change of a resource, with before and after, newest first."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import m3ter
import pytest
import pytest_asyncio
from m3ter import AsyncM3ter

from services.commands.event_names import HAPPENINGS
from services.store.happened import EventsAsked, positions_of
from tests.api.schemas import check_answer
from tests.store.kit import Store

pytestmark = pytest.mark.stack

COMMITMENT = "configuration.commitment"
ENDINGS = ("deleted", "updated", "created")


async def names(sdk: AsyncM3ter, **query: Any) -> list[str]:
    return [event.event_name async for event in sdk.events.list(**query)]


async def changed(sdk: AsyncM3ter, account: str) -> str:
    """A commitment that was created, changed and deleted; returns its id."""
    terms: Any = {"account_id": account, "currency": "USD", "start_date": "2026-01-01", "end_date": "2027-01-01"}
    made = await sdk.commitments.create(amount=100, **terms)
    await sdk.commitments.update(made.id, amount=250.5, version=1, **terms)
    await sdk.commitments.delete(made.id)
    return made.id


@pytest_asyncio.fixture(loop_scope="session")
async def account(store: Store) -> AsyncIterator[str]:
    yield await store.account("acme")


async def test_an_event_shows_the_resource_before_and_after(sdk: AsyncM3ter, account: str, store: Store) -> None:
    id = await changed(sdk, account)
    events = [event async for event in sdk.events.list(resource_id=id)]
    assert [event.event_name for event in events] == [
        f"{COMMITMENT}.{ending}" for ending in ("deleted", "updated", "created")
    ]
    contents: list[Any] = [event.m3ter_event for event in events]
    deleted, updated, created = (content["eventData"] for content in contents)
    assert [content["eventName"] for content in contents] == [event.event_name for event in events]
    assert created.keys() == {"newDto"} and deleted.keys() == {"oldDto"}
    assert created["newDto"] == updated["oldDto"] and updated["newDto"] == deleted["oldDto"]
    new = updated["newDto"]
    assert (new["id"], new["version"], new["amount"], new["accountCode"]) == (id, 2, 250.5, "acme")
    assert new["orgId"] == store.organization and new["createdBy"] == "USER_tests"
    assert updated["oldDto"]["amount"] == 100


async def test_an_event_is_found_by_its_id_alone(sdk: AsyncM3ter, account: str) -> None:
    id = await changed(sdk, account)
    events = [event async for event in sdk.events.list(resource_id=id)]
    for event in events:
        assert (await sdk.events.retrieve(event.id)).to_dict() == event.to_dict()
        assert event.dt_actioned == event.event_time
    ids = [event.id for event in events]
    assert [event.id async for event in sdk.events.list(ids=ids[::-1])] == ids
    assert [event.id async for event in sdk.events.list(ids=ids, page_size=1)] == ids
    nobodys = ["ffffffff-ffff-4fff-bfff-ffffffffffff", str(uuid4())]  # newer than all, by what stands in them
    assert [event.id async for event in sdk.events.list(ids=[*nobodys, *ids], page_size=1)] == ids
    guessed = f"00000000{ids[0][8:]}"
    with pytest.raises(m3ter.NotFoundError, match="there is no event"):
        await sdk.events.retrieve(guessed)
    assert [event async for event in sdk.events.list(ids=[guessed])] == []
    with pytest.raises(m3ter.BadRequestError, match="ids: cannot be used with other filters"):
        await sdk.events.list(ids=ids, resource_id=id)


async def test_nobody_finds_anothers_events(sdk: AsyncM3ter, account: str, store: Store) -> None:
    [event] = [event async for event in sdk.events.list(resource_id=account)]
    await store.configure(f"{store.organization}-2")
    with pytest.raises(m3ter.NotFoundError):
        await sdk.events.retrieve(event.id, org_id=f"{store.organization}-2")
    others = [event.event_name async for event in sdk.events.list(org_id=f"{store.organization}-2")]
    assert others == ["configuration.organizationconfig.created"]


async def test_filters(sdk: AsyncM3ter, account: str, store: Store) -> None:
    other = await store.account("other")
    await changed(sdk, account)
    await store.create("product", code="p", name="P")
    of_commitment = [f"{COMMITMENT}.{ending}" for ending in ("deleted", "updated", "created")]
    assert await names(sdk, account_id=account) == [*of_commitment, "configuration.account.created"]
    assert await names(sdk, account_id=other) == ["configuration.account.created"]
    assert await names(sdk, event_name=f"{COMMITMENT}.updated") == [f"{COMMITMENT}.updated"]
    assert await names(sdk, event_type=f"{COMMITMENT}.updated", account_id=account) == [f"{COMMITMENT}.updated"]
    assert await names(sdk, resource_id=account, account_id=other) == []
    nothing: list[dict[str, Any]] = [
        {"event_name": "billing.bill.created"},
        {"event_type": "IngestValidationFailure"},
        {"notification_code": "x"},
        {"notification_id": "x"},
        {"resource_id": "none"},
        {"event_name": f"{COMMITMENT}.updated", "event_type": f"{COMMITMENT}.created"},
    ]
    for query in nothing:
        assert await names(sdk, **query) == [], query
    assert await names(sdk, include_actioned=True) == await names(sdk, include_actioned=False)


async def test_everything_newest_first_page_by_page(sdk: AsyncM3ter, account: str, store: Store) -> None:
    await changed(sdk, account)
    for number in range(3):
        await store.create("product", code=f"p{number}", name="P")
    whole = await names(sdk)
    assert whole == [
        *["configuration.product.created"] * 3,
        *(f"{COMMITMENT}.{ending}" for ending in ("deleted", "updated", "created")),
        "configuration.account.created",
        "configuration.organizationconfig.created",
    ]
    assert await names(sdk, page_size=2) == whole
    assert await names(sdk, page_size=1, account_id=account) == whole[3:7]


async def test_transactions_top_ups_and_cancellations_are_updates(
    sdk: AsyncM3ter, http: httpx.AsyncClient, account: str, store: Store
) -> None:
    balance = await sdk.balances.create(
        account_id=account, code="b", name="B", currency="USD", start_date="2026-01-01", end_date="2027-01-01"
    )
    await sdk.balances.transactions.create(balance.id, amount=7)
    [transacted] = [event async for event in sdk.events.list(event_name="billing.balance.updated")]
    content: Any = transacted.m3ter_event
    assert [content["eventData"][side]["amount"] for side in ("oldDto", "newDto")] == [0, 7]
    commitment = await store.commitment(account)
    await http.post(f"/commitments/{commitment}/topups", json={"amount": 5, "date": "2026-02-01", "version": 1})
    await http.post(f"/commitments/{commitment}/cancel", json={"date": "2026-03-01", "version": 2})
    assert await names(sdk, resource_id=commitment, event_name=f"{COMMITMENT}.updated") == [f"{COMMITMENT}.updated"] * 2


async def test_types_and_fields(sdk: AsyncM3ter, http: httpx.AsyncClient) -> None:
    types = (await sdk.events.get_types()).events
    assert types is not None and f"{COMMITMENT}.created" in types and types == sorted(types)
    fields = (await sdk.events.get_fields(event_name=f"{COMMITMENT}.updated")).events
    assert fields is not None and list(fields) == [f"{COMMITMENT}.updated"]
    assert fields[f"{COMMITMENT}.updated"].items() >= {"new.amount": "double", "old.amount": "double"}.items()
    every = (await sdk.events.get_fields()).events
    assert every is not None and sorted(every) == types
    assert (await sdk.events.get_fields(event_name="nothing.of.this")).events == {}


async def test_answers_are_as_they_are_declared(http: httpx.AsyncClient, account: str, store: Store) -> None:
    first = (await http.get("/events")).json()["data"][0]
    for path in ("/events", f"/events/{first['id']}", "/events/types", "/events/fields"):
        answer = await http.get(path)
        check_answer("GET", f"/organizations/{store.organization}{path}", answer.status_code, answer.text)


@pytest.mark.parametrize(
    ("account", "index"), [(None, "events_by_type"), ("none", "events_by_account")], ids=["all", "of an account"]
)
async def test_a_page_is_looked_up_and_not_searched_for(store: Store, account: str | None, index: str) -> None:
    queries: list[tuple[str, tuple[Any, ...]]] = []

    class Recording:
        async def fetch(self, query: str, *arguments: Any) -> list[Any]:
            queries.append((query, arguments))
            return []

    await positions_of(Recording(), store.organization, EventsAsked(HAPPENINGS, account, None, None, 101))
    [(query, arguments)] = queries
    async with store.postgres.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}", *arguments))
    assert f"using {index}" in plan and "Seq Scan" not in plan, plan
