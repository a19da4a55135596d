"""Usage over HTTP counts once, whatever is sent again and whoever else publishes it; a refusal tells items by index."""

import asyncio
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import httpx
import pytest
from m3ter import AsyncM3ter

from events.topics import USAGE
from services.api.measurements import SOURCE
from services.kafka import Appended, Cluster, KafkaUnreachableError, Record, SharedWriter
from tests.api.answers import message_of
from tests.api.measured import body, configured, counted, item, refused_of, submitted
from tests.api_client import By, http_client, token_of
from tests.ingest.live import Live
from tests.official import official_blocking_client
from tests.store.kit import Store
from tests.usage_events import usage_event, usage_value

pytestmark = pytest.mark.stack


async def test_what_is_submitted_is_counted_with_all_it_says(
    metered: httpx.AsyncClient, store: Store, system: Live
) -> None:
    account = await store.account("acme")
    async with system.worker():
        more = {"cost": {"usd": 0.1}, "income": {"eur": 1e-7}, "who": {"user": "ada"}, "metadata": {"note": "x"}}
        await submitted(metered, item("acme", "u-1", ets="2026-01-15T13:00:00+00:00", **more))
        [usage] = await counted(system, store)
    assert (usage.usage_id, usage.usage_source) == ("u-1", SOURCE)
    assert usage.measure == {"calls": Decimal(2), "usd": Decimal("0.1"), "eur": Decimal("0.0000001")}
    assert (usage.who, usage.metadata) == ({"user": "ada"}, {"note": "x"})
    assert account


async def test_a_request_that_is_sent_again_counts_once(metered: httpx.AsyncClient, store: Store, system: Live) -> None:
    await store.account("acme")
    named = [item("acme", f"u-{number}") for number in range(50)]
    nameless = [item("acme") for _ in range(50)]
    async with system.worker():
        for _ in range(3):
            await submitted(metered, *named)
            await submitted(metered, *nameless, key="batch-1")
        assert len(await counted(system, store)) == 100
        await submitted(metered, *nameless)
        assert len(await counted(system, store)) == 150


async def test_a_key_stands_for_one_body(metered: httpx.AsyncClient, store: Store) -> None:
    await store.account("acme")
    await submitted(metered, item("acme"), key="k")
    other = await metered.post("/measurements", json=body(item("acme"), item("acme")), headers={"Idempotency-Key": "k"})
    assert "used before with another body" in message_of(other, 409)


@pytest.mark.parametrize("source", [None, "/gateway"])
async def test_one_uid_by_http_and_as_a_cloudevent_counts_once(
    metered: httpx.AsyncClient, store: Store, system: Live, source: str | None
) -> None:
    id = await store.account("acme")
    async with store.postgres.connection() as connection:
        partition = await connection.fetchval("SELECT partition FROM store.entities WHERE id = $1", id)
    named = {} if source is None else {"source": source}
    async with system.worker():
        for uid, first_by_http in (("u-1", True), ("u-2", False)):
            origin, at, measured = source or SOURCE, "2026-01-15T13:00:00+01:00", {"calls": 2.0}
            event = usage_event(store.organization, "acme", uid, at, source=origin, measure=measured)
            if first_by_http:
                await submitted(metered, item("acme", uid, **named))
            await system.publish(partition, [usage_value(event)])
            if not first_by_http:
                await submitted(metered, item("acme", uid, **named))
        assert [usage.usage_id for usage in await counted(system, store)] == ["u-1", "u-2"]
        assert await refused_of(system, store) == []


async def test_what_is_wrong_is_told_by_index_and_nothing_is_taken(
    metered: httpx.AsyncClient, store: Store, system: Live
) -> None:
    items = [item("unheard-of", f"u-{number}") for number in range(5)]
    items[1].pop("meter")
    items[3] |= {"uid": "u" * 51, "ts": "today"}
    answer = await metered.post("/measurements", json=body(*items))
    assert answer.status_code == 400
    assert [one["index"] for one in answer.json()["refused"]] == [1, 3]
    assert answer.json()["message"].startswith("measurements[1]: meter: is required; measurements[3]: ")
    assert await system.records(USAGE) == []
    assert (await metered.get("/accounts")).json()["data"] == []


@pytest.mark.parametrize(("size", "status"), [(511_999, 200), (512_000, 403)])
async def test_a_body_has_less_than_512000_bytes(
    metered: httpx.AsyncClient, store: Store, size: int, status: int
) -> None:
    await store.account("acme")
    content = json.dumps(body(item("acme", "u"))).encode().ljust(size)
    answer = await metered.post("/measurements", content=content)
    assert answer.status_code == status, answer.text


async def test_an_unknown_organization_is_told_so(url: str) -> None:
    async with http_client(f"{url}/organizations/nobody") as client:
        assert "unknown" in message_of(await client.post("/measurements", json=body(item("acme"))), 403)


async def test_what_ingest_knows_better_is_refused_later(
    metered: httpx.AsyncClient, store: Store, system: Live
) -> None:
    await store.account("acme")
    async with system.worker():
        await submitted(
            metered, item("acme", "u-1", meter="none"), item("acme", "u-2", measure={"none": 1}), item("acme")
        )
        assert len(await counted(system, store)) == 1
        assert sorted(await refused_of(system, store)) == ["unknown-field", "unknown-meter"]


async def test_usage_brings_accounts_into_being(
    metered: httpx.AsyncClient, url: str, store: Store, system: Live
) -> None:
    known = await store.account("acme")
    items = [item(f"new-{number % 120}", f"u-{number}") for number in range(240)]
    async with system.worker(), http_client(f"{url}/organizations/{store.organization}", by=By("ada")) as ada:
        await asyncio.gather(*(submitted(ada, *items, item("acme", "u")) for _ in range(3)))
        assert len(await counted(system, store)) == 241
    async with store.postgres.connection() as connection:
        rows = await connection.fetch(
            "SELECT id, body->>'code' AS code, created_by FROM store.entities WHERE organization = $1 AND kind = $2",
            store.organization,
            "account",
        )
    assert sorted(row["code"] for row in rows) == sorted(["acme", *(f"new-{number}" for number in range(120))])
    [one] = [row["id"] for row in rows if row["code"] == "new-7"]
    made = (await metered.get(f"/accounts/{one}")).json()
    assert (made["name"], made["createdBy"], "emailAddress" in made) == ("new-7", "USER_ada", False)
    whole = made | {"emailAddress": "a@example.com"}
    assert "emailAddress: is required" in message_of(await metered.put(f"/accounts/{one}", json=made), 400)
    assert (await metered.put(f"/accounts/{one}", json=whole)).json()["version"] == 2
    assert known in [row["id"] for row in rows]


@pytest.mark.parametrize("said", ["REFUSE", "HOLD"])
async def test_where_that_is_not_configured_no_account_is_made(
    metered: httpx.AsyncClient, store: Store, system: Live, said: str
) -> None:
    await configured(metered, usageBeforeAccount=said)
    async with system.worker():
        await submitted(metered, item("nobody", "u-1"))
        assert await counted(system, store) == []
        assert await refused_of(system, store) == ["unknown-account"]
    assert (await metered.get("/accounts")).json()["data"] == []


@pytest.mark.parametrize(("named", "again"), [(True, None), (False, "false")])
async def test_what_kafka_did_not_confirm_is_named_and_counts_once_when_it_is_sent_again(
    metered: httpx.AsyncClient,
    store: Store,
    system: Live,
    monkeypatch: pytest.MonkeyPatch,
    named: bool,
    again: str | None,
) -> None:
    codes = [f"acme-{number}" for number in range(20)]
    for code in codes:
        await store.account(code)
    items = [item(code, f"u-{code}" if named else None) for code in codes]
    really, lost = SharedWriter.append, set[bytes | None]()

    async def half(self: SharedWriter, topic: str, partition: int, records: Sequence[Record]) -> list[Appended]:
        done = await really(self, topic, partition, records)
        if partition % 2:
            lost.update(record.key for record in records)
            raise KafkaUnreachableError(Cluster("host:1"), "the answer was lost")
        return done

    monkeypatch.setattr(SharedWriter, "append", half)
    answer = await metered.post("/measurements", json=body(*items))
    monkeypatch.undo()
    assert answer.status_code == 503 and answer.headers.get("x-should-retry") == again
    expected = [number for number, code in enumerate(codes) if f"{store.organization}/{code}".encode() in lost]
    assert [one["index"] for one in answer.json()["refused"]] == expected and 0 < len(expected) < 20
    assert all(one["message"] == "Kafka did not answer" for one in answer.json()["refused"])
    if named:
        async with system.worker():
            await submitted(metered, *items)
            assert len(await counted(system, store)) == 20


async def test_the_official_clients_submit(
    metered: httpx.AsyncClient, url: str, store: Store, sdk: AsyncM3ter, system: Live
) -> None:
    many: list[Any] = [item("acme", f"a-{number}") for number in range(1500)]
    async with system.worker():
        assert (await sdk.usage.submit(measurements=many[:10])).result == "accepted"
        told = [one.result async for one in sdk.usage.submit_all(measurements=many)]
        assert told == ["accepted"] * 2

        def in_turn() -> None:
            with official_blocking_client(url, store.organization, token_of()) as client:
                more: list[Any] = [item("acme", f"s-{number}") for number in range(1, 1200)]
                assert client.usage.submit(measurements=more[:1]).result == "accepted"
                assert [one.result for one in client.usage.submit_all(measurements=more)] == ["accepted"] * 2

        await asyncio.to_thread(in_turn)
        assert len(await counted(system, store)) == 1500 + 1199
