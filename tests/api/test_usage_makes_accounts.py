"""Usage over Kafka of an account that is not there: refused, or, where that is configured, its account is made."""

import asyncio

import httpx
import pytest

from events.actors import USAGE as ACTOR
from events.topics import USAGE, partition_of, usage_key
from services.api.app import create_app
from services.kafka import Cluster, KafkaUnreachableError, Record, SharedWriter
from services.kafka.writing import Appended
from tests.api.measured import TS, configured, counted
from tests.api.serving import served
from tests.api_client import TOKEN_SECRET
from tests.ingest.live import PATIENCE_S, Live
from tests.store.kit import Store
from tests.usage_events import usage_event, usage_record, usage_value

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

IMPOSSIBLE = ("x" * 81, "x" * 200, "x\0y", " x")


async def publish(system: Live, store: Store, *codes: str) -> None:
    """A CloudEvent of each code."""
    for code in codes:
        event = usage_event(store.organization, code, f"of-{code}", TS, measure={"calls": 2})
        partition = partition_of(store.organization, code, system.partitions)
        await system.writer.append(USAGE, partition, [usage_record(event)])


async def test_accounts_are_made_once_and_their_usage_counts_once_whoever_is_lost(
    metered: httpx.AsyncClient, store: Store, system: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, codes, lost = store.endpoints, [f"new-{number}" for number in range(30)], list[str]()
    really = SharedWriter.append

    async def at_first_lost(writer: SharedWriter, topic: str, partition: int, records: list[Record]) -> list[Appended]:
        found = await really(writer, topic, partition, records)
        if len(lost) < 3:
            lost.append(topic)
            raise KafkaUnreachableError(Cluster("host:1"), "the answer was lost")
        return found

    monkeypatch.setattr(SharedWriter, "append", at_first_lost)
    await configured(metered, usageBeforeAccount="CREATE")
    another = create_app(at.database_url, at.kafka, token_secret=TOKEN_SECRET)
    async with system.worker(), served(another):
        await publish(system, store, *codes, *IMPOSSIBLE, *codes[:5])
        async with asyncio.timeout(PATIENCE_S):
            while len(await counted(system, store)) < len(codes):
                await asyncio.sleep(0.2)
        made = (await metered.get("/accounts", params={"pageSize": 100})).json()["data"]
        async with asyncio.timeout(PATIENCE_S):  # what was sent again leaves its list a moment later
            while (await metered.get("/usage/held")).json()["data"]:
                await asyncio.sleep(0.2)
            while len(refused := (await metered.get("/usage/rejected")).json()["data"]) != len(IMPOSSIBLE):
                await asyncio.sleep(0.2)
    assert sorted(one["code"] for one in made) == sorted(codes)
    assert {(one["name"] == one["code"], one["createdBy"]) for one in made} == {(True, ACTOR)}
    assert len(await counted(system, store)) == len(codes)
    assert {one["reason"] for one in refused} == {"unknown-account"}
    assert sorted(one["accountCode"] for one in refused) == sorted(["x" * 81, "x" * 81, "x\ufffdy", " x"])
    assert lost


async def test_what_an_account_does_not_mend_is_sent_once_at_most(
    metered: httpx.AsyncClient, store: Store, system: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No subject, with an account's code in the key: refused as of no account, whatever accounts there are."""
    sent = list[str]()
    await configured(metered, usageBeforeAccount="CREATE")
    really = SharedWriter.append

    async def counting(writer: SharedWriter, topic: str, partition: int, records: list[Record]) -> list[Appended]:
        sent.extend(topic for record in records if store.organization.encode() in (record.value or b""))
        return await really(writer, topic, partition, records)

    monkeypatch.setattr(SharedWriter, "append", counting)
    event = usage_event(store.organization, "", "e", TS, measure={"calls": 2})
    record = Record(usage_key(store.organization, "keyed"), usage_value(event))
    async with system.worker():
        await system.writer.append(USAGE, 0, [record])
        await system.settled()
        await asyncio.sleep(2)
        assert (await metered.get("/accounts")).json()["data"] == []
        [refused] = (await metered.get("/usage/rejected")).json()["data"]
    assert (refused["reason"], "accountCode" in refused, sent) == ("unknown-account", False, [])


async def test_where_nothing_is_configured_it_stays_refused(
    metered: httpx.AsyncClient, url: str, store: Store, system: Live
) -> None:
    async with system.worker():
        await publish(system, store, "nobody")
        await system.settled()
        async with asyncio.timeout(PATIENCE_S):
            while not (refused := (await metered.get("/usage/rejected")).json()["data"]):
                await asyncio.sleep(0.1)
    assert [one["reason"] for one in refused] == ["unknown-account"]
    assert (await metered.get("/accounts")).json()["data"] == []
