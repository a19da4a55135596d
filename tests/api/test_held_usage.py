"""Usage that came before its account or its meter: held, seen while it is, settled by itself, refused in the end."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from events.topics import USAGE, partition_of, usage_key
from services.kafka import Record
from services.readside.waiter import Waiter
from tests.api.answers import message_of
from tests.api.measured import TS, configured, counted, item, submitted
from tests.api.test_rejected import mend, on_list
from tests.api_client import http_client
from tests.ingest.live import PATIENCE_S, Live
from tests.store.kit import Store
from tests.usage_events import usage_event, usage_value

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def event(store: Store, id: str, account: str, calls: int = 2, meter: str = "api") -> bytes:
    return usage_value(usage_event(store.organization, account, id, TS, meter=meter, measure={"calls": calls}))


async def publish(system: Live, store: Store, account: str, *values: bytes) -> None:
    records = [Record(usage_key(store.organization, account), value) for value in values]
    await system.writer.append(USAGE, partition_of(store.organization, account, system.partitions), records)


async def held(http: httpx.AsyncClient, count: int, **query: Any) -> list[dict[str, Any]]:
    """What is held, newest first, once it is so much."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found: list[dict[str, Any]] = (await http.get("/usage/held", params=query)).json()["data"]
            if len(found) == count:
                return found
            await asyncio.sleep(0.2)


async def test_what_is_held_is_seen_and_settles_by_itself_in_order_and_once(
    metered: httpx.AsyncClient, store: Store, system: Live
) -> None:
    await configured(metered, usageBeforeAccount="HOLD", usageBeforeMeter="HOLD", usageHoldDays=7)
    values = [event(store, f"e-{number}", "late", number) for number in range(20)]
    async with system.worker():
        await publish(system, store, "late", *values, *values[:5], event(store, "e-0", "late", 99), b"{}")
        await publish(system, store, "late", event(store, "none", "never"))
        await submitted(metered, item("late", "over-http"), item("later", "m", meter="none"))
        waiting = await held(metered, 24)
        assert {one["reason"] for one in waiting} == {"unknown-account"}
        assert {one["meterCode"] for one in waiting} == {"api", "none"}
        [never] = await held(metered, 1, accountCode="never")
        assert never["heldUntil"] > never["arrivedAt"] and "replayedAt" not in never
        assert (await metered.get(f"/usage/rejected/{never['id']}")).json()["payload"]
        first = (await metered.get("/usage/held", params={"pageSize": 20, "accountCode": "late"})).json()
        assert first["counts"] == {"unknown-account": 22}
        rest = await metered.get(
            "/usage/held", params={"pageSize": 20, "accountCode": "late", "nextToken": first["nextToken"]}
        )
        assert (len(first["data"]), len(rest.json()["data"]), "counts" in rest.json()) == (20, 2, False)
        assert message_of(await metered.get("/usage/held", params={"reason": "bad-time"}), 400)
        assert (await metered.get("/accounts")).json()["data"] == []
        for code in ("late", "later"):
            await store.account(code)
        # One lacks its meter still, and is held for that; of one id the first content counts.
        [unmetered] = await held(metered, 1, reason="unknown-meter")
        assert (unmetered["accountCode"], unmetered["meterCode"]) == ("later", "none")
        assert await on_list(metered, 1, reason="id-conflict")
        facts = await counted(system, store)
        assert [fact.usage_id for fact in facts if fact.usage_source == "/test"] == [f"e-{n}" for n in range(20)]
        assert [int(fact.measure["calls"]) for fact in facts if fact.usage_source == "/test"] == list(range(20))
        await mend(metered, "none")
        assert [one["id"] for one in await held(metered, 1)] == [never["id"]]
        assert sorted(fact.usage_id for fact in await counted(system, store)) == sorted(
            [*(f"e-{number}" for number in range(20)), "over-http", "m"]
        )


async def test_what_is_held_for_too_long_by_its_organizations_clock_is_refused(
    url: str, store: Store, system: Live, waited: list[Waiter]
) -> None:
    other = Store(store.endpoints, store.postgres, store.generations)
    await other.configure(testClock=True, usageBeforeAccount="HOLD", usageHoldDays=2)
    clock = datetime(2027, 1, 1, tzinfo=UTC)
    async with system.worker(), http_client(f"{url}/organizations/{other.organization}") as client:
        await moved(client, clock)
        await publish(system, other, "late", event(other, "e", "late"))
        [one] = await held(client, 1)
        until = clock + timedelta(days=2)
        assert datetime.fromisoformat(one["heldUntil"]) == until
        await moved(client, until - timedelta(seconds=1))
        await publish(system, other, "late", event(other, "another", "late"))
        assert [row["uid"] for row in await held(client, 2)] == ["another", "e"]
        await moved(client, until)
        [expired] = await on_list(client, 1)
        assert (expired["id"], expired["reason"], "heldUntil" in expired) == (one["id"], "hold-expired", False)
        assert "is none; it was held until " in expired["message"]
        [kept] = await held(client, 1)
        await other.account("late")
        # There is no such meter here, and for want of one nothing is held.
        assert [row["id"] for row in await on_list(client, 1, reason="unknown-meter")] == [kept["id"]]
        await held(client, 0)
        # What is over is over: whoever wants it now says so.
        assert [row["id"] for row in await on_list(client, 1, reason="hold-expired")] == [one["id"]]


async def moved(client: httpx.AsyncClient, to: datetime) -> None:
    """Move the test clock."""
    answer = await client.post("/clock", json={"now": to.isoformat().replace("+00:00", "Z")})
    assert answer.status_code == 200, answer.text
