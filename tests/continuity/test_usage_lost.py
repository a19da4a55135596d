"""Topic `usage` made anew, deleted or widened by an operator: named at once, and no record that is there is skipped."""

import asyncio

import pytest

from events.topics import USAGE, partition_of, usage_key
from services.breaks import LogChangedError, LogWentBackError, UsageLostError
from services.kafka import BatchWriter, Record
from tests.api_client import http_client
from tests.continuity.home import PATIENCE_S, Home
from tests.system.story import ACCOUNTS, Wire, set_up
from tests.usage_events import usage_event, usage_value

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def usage(organization: str, code: str, number: int) -> bytes:
    return usage_value(usage_event(organization, code, f"event-{number}", "2026-01-10T12:00:00Z", source="/load"))


async def publish(home: Home, organization: str, numbers: range, partition: int | None = None) -> None:
    """One call each for the accounts in turn, into their partitions or all into one."""
    by_partition: dict[int, list[Record]] = {}
    for number in numbers:
        code = ACCOUNTS[number % len(ACCOUNTS)]
        place = partition_of(organization, code, home.settings.partitions) if partition is None else partition
        record = Record(usage_key(organization, code), usage(organization, code, number))
        by_partition.setdefault(place, []).append(record)
    async with BatchWriter(home.cluster) as writer:
        for place, records in by_partition.items():
            await writer.append(USAGE, place, records)


async def calls(home: Home, wire: Wire) -> int:
    """Calls that are counted, over all accounts, once everything is projected."""
    left = await home.left(wire)
    return sum(int(float(row["total"])) for row in left["usage_totals"])


async def said_by_api(home: Home) -> str:
    async with http_client(home.url) as client:
        answer = await client.get("/health")
        assert answer.status_code == 503
        refused = await client.post("/organizations/any/products", json={"code": "x", "name": "X"})
        assert refused.status_code == 503 and refused.json()["message"] == answer.json()["message"]
        return str(answer.json()["message"])


@pytest.mark.long
async def test_usage_made_anew_and_grown_past_its_old_end_is_named_and_read_whole(home: Home) -> None:
    await home.start()
    wire = home.wire("anew")
    await set_up(wire)
    await publish(home, "anew", range(60))
    assert await calls(home, wire) == 60
    await home.stop()

    await home.delete_topic(USAGE)
    await home.make_topic(USAGE)
    await publish(home, "anew", range(1000, 1300))
    await home.start("ingest")
    assert isinstance(await home.ended("ingest"), LogChangedError)
    await home.start("api")
    advice = await said_by_api(home)
    assert "has another record at offset" in advice and "trueup migrate --new-usage" in advice
    assert (await home.trueup("audit"))[0] == 1

    status, said = await home.trueup("migrate", "--new-usage")
    assert status == 0 and "usage_begins_anew" in said, said
    await home.start("relay", "ingest", "projector")
    await publish(home, "anew", range(50, 70))  # ten of them a second time
    assert await calls(home, wire) == 60 + 300 + 10
    assert (await home.trueup("audit"))[0] == 0
    await home.stop()


async def test_usage_that_is_deleted_is_waited_for_and_made_anew_on_request(home: Home) -> None:
    await home.start()
    wire = home.wire("deleted")
    await set_up(wire)
    await publish(home, "deleted", range(40))
    assert await calls(home, wire) == 40
    await home.delete_topic(USAGE)
    async with http_client(home.url) as client:
        async with asyncio.timeout(PATIENCE_S):
            while (health := await client.get("/health")).status_code != 503:
                await asyncio.sleep(0.1)
    assert f"topic {home.cluster.topic(USAGE)} does not exist" in health.json()["message"]

    status, said = await home.trueup("migrate")
    assert status == 1 and "trueup migrate --new-usage" in said, said
    status, said = await home.trueup("migrate", "--new-usage")
    assert status == 0, said
    await publish(home, "deleted", range(30, 50))
    assert await calls(home, wire) == 50  # the workers have gone on by themselves
    assert await home.stop() == []


async def test_usage_that_is_made_anew_counts_before_any_worker_has_looked(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.continuity.guard.CHECK_SECONDS", 3600.0)
    await home.start()
    wire = home.wire("unseen")
    await set_up(wire)
    await publish(home, "unseen", range(40))
    assert await calls(home, wire) == 40
    await home.delete_topic(USAGE)
    assert (await home.trueup("migrate", "--new-usage"))[0] == 0
    await publish(home, "unseen", range(30, 50))
    assert await calls(home, wire) == 50
    assert (await home.trueup("audit"))[0] == 0
    assert await home.stop() == []


async def test_usage_that_lost_its_end_is_named(home: Home) -> None:
    await home.start()
    wire = home.wire("shorter")
    await set_up(wire)
    await publish(home, "shorter", range(60))
    assert await calls(home, wire) == 60
    await home.stop()
    await home.delete_topic(USAGE)
    await home.make_topic(USAGE)
    await home.start("ingest")
    error = await home.ended("ingest")
    assert isinstance(error, LogWentBackError) and "--new-usage" in str(error)
    assert (await home.trueup("migrate", "--new-usage"))[0] == 0
    await home.start()
    await publish(home, "shorter", range(60, 90))
    assert await calls(home, wire) == 90
    await home.stop()


@pytest.mark.long
async def test_usage_that_was_deleted_unread_is_named_and_gone_on_with_on_request(home: Home) -> None:
    await home.start()
    wire = home.wire("unread")
    await set_up(wire)
    await publish(home, "unread", range(60))
    assert await calls(home, wire) == 60
    await home.stop()
    await publish(home, "unread", range(60, 120))
    ends = await home.ends(USAGE)
    await home.delete_before(USAGE, ends)
    await publish(home, "unread", range(120, 150))
    await home.start("ingest")
    error = await home.ended("ingest")
    assert isinstance(error, UsageLostError) and "--new-usage" in str(error)
    await home.start("api")
    assert "usage that nobody had read was deleted" in await said_by_api(home)
    assert (await home.trueup("migrate", "--new-usage"))[0] == 0
    await home.start("relay", "ingest", "projector")
    assert await calls(home, wire) == 90
    assert (await home.trueup("audit"))[0] == 0
    await home.stop()


async def test_usage_that_a_broker_made_by_itself_gets_our_settings_on_request(home: Home) -> None:
    await home.start()
    wire = home.wire("made")
    await set_up(wire)
    await publish(home, "made", range(20))
    assert await calls(home, wire) == 20
    await home.stop()
    await home.delete_topic(USAGE)
    await home.make_topic(USAGE, partitions=1, config={"retention.ms": "1000000"})
    status, said = await home.trueup("migrate")
    assert status == 1 and f"topic {home.cluster.topic(USAGE)}" in said, said
    status, said = await home.trueup("migrate", "--new-usage")
    assert status == 0, said
    await home.start()
    await publish(home, "made", range(20, 50))
    assert await calls(home, wire) == 50
    await home.stop()


@pytest.mark.long
async def test_a_partition_that_was_added_is_named_and_its_records_count_where_they_belong(home: Home) -> None:
    await home.start()
    wire = home.wire("wider")
    await set_up(wire)
    await publish(home, "wider", range(12))
    assert await calls(home, wire) == 12
    surplus = home.settings.partitions + 1
    await home.add_partitions(USAGE, surplus + 1)
    await publish(home, "wider", range(12, 30), partition=surplus)
    await home.append(USAGE, surplus, b"not json")
    job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"})
    assert await calls(home, wire) == 30
    while job["status"] != "COMPLETE":
        job = await wire.do("GET", f"billjobs/{job['id']}")
    named = f"{home.cluster.topic(USAGE)} has {surplus + 1} partitions, more than it was made with"
    async with http_client(home.url) as client, asyncio.timeout(PATIENCE_S):
        while named not in (await client.get("/health")).json().get("problems", ()):
            await asyncio.sleep(0.1)
    assert not await home.stop()

    for count in (home.settings.partitions, surplus + 1):
        settings = home.settings.model_copy(update={"partitions": count})
        home.settings, before = settings, home.settings
        await home.migrate()
        home.settings = before
    await home.start()
    await publish(home, "wider", range(20, 40), partition=surplus)
    assert await calls(home, wire) == 40
    status, said = await home.trueup("audit")
    assert status == 0, said
    await home.stop()
