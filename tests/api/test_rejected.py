"""What was refused is listed with its reason, read as it came, and sent again once the cause is mended."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx
import pytest
from m3ter import AsyncM3ter

from services.kafka import Appended, Cluster, KafkaUnreachableError, Record, SharedWriter
from services.refusals.keeper import RefusalKeeper
from tests.api.answers import message_of
from tests.api.measured import FIELDS, counted, item, submitted
from tests.api_client import http_client, stranger
from tests.ingest.live import Live
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def on_list(http: httpx.AsyncClient, count: int, **query: Any) -> list[dict[str, Any]]:
    """The list, newest first, once it has so many entries."""
    async with asyncio.timeout(30):
        while True:
            refusals: list[dict[str, Any]] = (await http.get("/usage/rejected", params=query)).json()["data"]
            if len(refusals) == count:
                return refusals
            await asyncio.sleep(0.1)


async def replayed(http: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await http.post("/usage/rejected/replay", json=body)
    assert answer.status_code == 200, answer.text
    outcome: dict[str, Any] = answer.json()
    return outcome


async def mend(http: httpx.AsyncClient, code: str) -> None:
    """A meter of this code, with the field "calls"."""
    product = (await http.get("/products")).json()["data"][0]["id"]
    fields = [{"code": FIELDS[0][0], "name": "Calls", "category": "MEASURE", "unit": "1"}]
    made = await http.post(
        "/meters", json={"code": code, "name": code, "productId": product, "dataFields": fields, "derivedFields": []}
    )
    assert made.status_code == 200, made.text


async def test_what_is_refused_is_listed_and_counts_once_when_it_is_mended_and_sent_again(
    metered: httpx.AsyncClient, store: Store, system: Live
) -> None:
    items = [item("acme", f"u-{number}", meter="late") for number in range(30)]
    async with system.worker():
        await submitted(metered, *items, item("acme", "good"))
        listed = await on_list(metered, 30)
        assert {(refusal["reason"], refusal["accountCode"]) for refusal in listed} == {("unknown-meter", "acme")}
        assert sorted(refusal["uid"] for refusal in listed) == sorted(sent["uid"] for sent in items)
        assert listed[0]["message"] == "data.meter must be a meter's code, 'late' is none"
        # Nothing is mended: all of it is refused again, and is on the list once.
        assert await replayed(metered) == {"replayed": 30, "left": [], "more": False}
        await system.settled()
        again = await on_list(metered, 30)
        assert {refusal["id"] for refusal in again} == {refusal["id"] for refusal in listed}
        moments = [
            sorted(datetime.fromisoformat(refusal["arrivedAt"]) for refusal in those) for those in (listed, again)
        ]
        assert moments[0][-1] < moments[1][0]
        await mend(metered, "late")
        refused_id = listed[-1]["id"]
        assert await replayed(metered, ids=[refused_id]) == {"replayed": 1, "left": [], "more": False}
        await on_list(metered, 29)
        assert (await metered.get(f"/usage/rejected/{refused_id}")).json()["replayedAt"]
        assert (await replayed(metered, reason="unknown-meter", accountCode="acme"))["replayed"] == 29
        await submitted(metered, *items)  # a client that sends again what it was told was accepted
        assert len(await counted(system, store)) == 31
        await on_list(metered, 0)


async def test_the_list_is_of_the_organization_and_by_page_reason_account_and_time(
    metered: httpx.AsyncClient, url: str, store: Store, system: Live
) -> None:
    other = Store(store.endpoints, store.postgres, store.generations)
    await other.configure()
    async with system.worker():
        async with http_client(f"{url}/organizations/{other.organization}") as client:
            await submitted(client, item("acme", "theirs"))
            [theirs] = await on_list(client, 1)
        await submitted(metered, *(item(f"a-{number % 2}", f"u-{number}", meter="none") for number in range(5)))
        await submitted(metered, item("a-0", "far", ts="2199-01-01T00:00:00Z"))
        listed = await on_list(metered, 6)
        assert theirs["id"] not in [refusal["id"] for refusal in listed]
        assert message_of(await metered.get(f"/usage/rejected/{theirs['id']}"), 404)
        assert message_of(await metered.get(f"/usage/rejected/{theirs['id']}/bytes"), 404)
        assert (await replayed(metered, ids=[theirs["id"]]))["left"] == [
            {"id": theirs["id"], "message": "is not on the list"}
        ]
        assert [refusal["uid"] for refusal in await on_list(metered, 1, reason="too-far-in-future")] == ["far"]
        assert len(await on_list(metered, 4, accountCode="a-0")) == 4
        last = listed[0]["rejectedAt"]
        assert {refusal["uid"] for refusal in await on_list(metered, 6, to="2199-01-01T00:00:00Z")} > {"far"}
        assert "far" in [
            document["uid"] for document in (await metered.get("/usage/rejected", params={"from": last})).json()["data"]
        ]
        assert (await metered.get("/usage/rejected", params={"to": "2020-01-01T00:00:00Z"})).json()["data"] == []
        pages, counts, token = list[str](), list[dict[str, int] | None](), None
        while True:
            query = {"pageSize": 4} | ({"nextToken": token} if token else {})
            page = (await metered.get("/usage/rejected", params=query)).json()
            pages += [document["id"] for document in page["data"]]
            counts.append(page.get("counts"))
            token = page.get("nextToken")
            if token is None:
                break
        assert pages == [refusal["id"] for refusal in listed]
        assert counts == [{"unknown-meter": 5, "too-far-in-future": 1}, None]
        only = (await metered.get("/usage/rejected", params={"accountCode": "a-1", "pageSize": 1})).json()
        assert (len(only["data"]), only["counts"]) == (1, {"unknown-meter": 2})


async def test_the_bytes_are_those_that_came(
    metered: httpx.AsyncClient, url: str, store: Store, sdk: AsyncM3ter, system: Live
) -> None:
    key = f"{store.organization}/acme".encode()
    async with system.worker():
        value = b'{"not": "json", \xff\x00}'
        await system.writer.append("usage", 0, [Record(key, value, [("x-own", b"1")])])
        [refusal] = await on_list(metered, 1)
        assert (refusal["reason"], refusal["accountCode"], refusal.get("uid")) == ("not-json", "acme", None)
        assert (await metered.get(f"/usage/rejected/{refusal['id']}")).json()[
            "payload"
        ] == '{"not": "json", \ufffd\x00}'
        told = await sdk.usage.get_failed_ingest_download_url(file=refusal["id"])
        assert told.url is not None and told.url.startswith(url)
        async with stranger() as anybody:
            answer = await anybody.get(told.url)
        assert (answer.status_code, answer.content) == (200, value)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "file: is required" in message_of(await metered.get("/measurements/failedIngest/getDownloadUrl"), 400)
        # It is sent again with key, value and headers as it came, and so it is the same record when it is refused.
        assert (await replayed(metered, ids=[refusal["id"]]))["replayed"] == 1
        await system.settled()
        [again] = await on_list(metered, 1)
        assert again["id"] == refusal["id"] and again["rejectedAt"] > refusal["rejectedAt"]


async def test_a_record_of_which_the_topic_has_a_part_cannot_be_sent_again(
    metered: httpx.AsyncClient, store: Store, system: Live
) -> None:
    key = f"{store.organization}/acme".encode()
    async with system.worker():
        await system.writer.append("usage", 0, [Record(key, b"x" * 5_000_000)])
        [refusal] = await on_list(metered, 1)
        assert refusal["reason"] == "oversized"
        assert await replayed(metered) == {"replayed": 0, "left": [], "more": False}
        left = (await replayed(metered, ids=[refusal["id"]]))["left"]
        why = "the topic has only the beginning of its value: its publisher has to send it again"
        assert left == [{"id": refusal["id"], "message": why}]


async def test_what_is_refused_again_and_again_comes_after_all_others(
    metered: httpx.AsyncClient, store: Store, system: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with system.worker():
        await submitted(metered, *(item("acme", f"u-{number}", meter="none") for number in range(3)))
        first = max(refusal["rejectedAt"] for refusal in await on_list(metered, 3))
        monkeypatch.setattr("services.api.rejected.REPLAY_MAX", 1)
        for _ in range(3):
            assert await replayed(metered) == {"replayed": 1, "left": [], "more": True}
            await system.settled()
            await on_list(metered, 3)
        assert all(refusal["rejectedAt"] > first for refusal in await on_list(metered, 3))


async def test_a_replay_that_kafka_does_not_confirm_leaves_the_list_as_it_is(
    metered: httpx.AsyncClient, store: Store, system: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with system.worker():
        await submitted(metered, item("acme", "u-1", meter="late"))
        await on_list(metered, 1)
        await mend(metered, "late")
        really = SharedWriter.append

        async def lost(self: SharedWriter, topic: str, partition: int, records: Sequence[Record]) -> list[Appended]:
            await really(self, topic, partition, records)
            raise KafkaUnreachableError(Cluster("host:1"), "the answer was lost")

        with monkeypatch.context() as patched:
            patched.setattr(SharedWriter, "append", lost)
            assert "the answer was lost" in message_of(await metered.post("/usage/rejected/replay", json={}), 503)
        await on_list(metered, 1)
        assert (await replayed(metered))["replayed"] == 1
        assert len(await counted(system, store)) == 1


async def test_keepers_that_are_killed_or_meet_list_each_record_once(
    metered: httpx.AsyncClient, store: Store, system: Live
) -> None:
    async with system.worker():
        await submitted(metered, *(item("acme", f"u-{number}", meter="none") for number in range(500)))
        await system.settled()
    async with store.postgres.connection() as connection:
        await connection.execute("DELETE FROM store.refused_usage")
        await connection.execute("DELETE FROM store.refused_positions")
    keepers = [RefusalKeeper(store.postgres, store.endpoints.kafka, store.generations.partitions) for _ in range(3)]
    running = [asyncio.create_task(keeper.run()) for keeper in keepers]
    for keeper in keepers:
        keeper.wake()
    await asyncio.sleep(0.05)
    running[0].cancel()
    async with asyncio.timeout(30):
        while (await counted_rows(store)) < 500:
            await asyncio.sleep(0.1)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert await counted_rows(store) == 500


async def counted_rows(store: Store) -> int:
    async with store.postgres.connection() as connection:
        counting = "SELECT count(*) FROM store.refused_usage WHERE organization = $1"
        return int(await connection.fetchval(counting, store.organization))
