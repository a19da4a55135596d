"""The log of record lost its end, its beginning, or all of it; a stranger writes into it; a newer program does."""

import asyncio
from pathlib import Path

import pytest
import structlog

from events.codec import encode
from events.envelope import seal
from events.facts.clock import ClockTicked
from events.sources import clock_source
from events.topics import BILL_LINES, CATALOG, EVENTS, partition_of
from services.breaks import LogChangedError, LogCutError, LogWentBackError
from services.postgres import connected
from services.run.stack import Stack
from services.store.generations import load_generations
from tests.continuity.conftest import PARTITIONS, fresh_home
from tests.continuity.home import PATIENCE_S, Home
from tests.continuity.test_usage_lost import calls, publish, said_by_api
from tests.store.kit import NOW
from tests.system.story import ACCOUNTS, set_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def home(breaking_home: Home) -> Home:
    return breaking_home


@pytest.mark.long
async def test_a_broker_restored_from_a_backup_gets_its_end_again(home: Home) -> None:
    await home.start()
    wire = home.wire("older")
    accounts = await set_up(wire)
    await publish(home, "older", range(30))
    assert await calls(home, wire) == 30
    await home.stop()
    await home.save_kafka()
    await home.start()
    late = await wire.make("products", "late", code="late", name="Late")
    await wire.make("accounts", "young", code="young", name="Young", emailAddress="a@example.com")
    await publish(home, "older", range(30, 50))
    assert await calls(home, wire) == 50
    await home.stop()
    await home.restore_kafka()

    for worker in ("relay", "ingest", "projector"):
        await home.start(worker)
        assert isinstance(await home.ended(worker), LogWentBackError)
    await home.start("api")
    assert "trueup rebuild-store" in await said_by_api(home)
    await home.stop()

    status, said = await home.trueup("rebuild-store")
    assert status == 0 and "events are written to the log again" in said and "read models replayed" in said, said
    await home.start()
    await publish(home, "older", range(20, 60))  # publishers send again what the broker has lost
    assert await calls(home, wire) == 60
    assert (await wire.do("GET", f"products/{late}"))["code"] == "late"
    assert (await wire.do("GET", f"accounts/{accounts[ACCOUNTS[0]]}"))["code"] == ACCOUNTS[0]
    status, said = await home.trueup("audit")
    assert status == 0, said
    await home.stop()


async def test_a_log_made_anew_is_refused_whatever_it_has_grown_to(home: Home) -> None:
    await home.start()
    wire = home.wire("remade")
    await set_up(wire)
    await publish(home, "remade", range(30))
    assert await calls(home, wire) == 30
    await home.stop()
    await home.save_kafka()
    ends = await home.ends(EVENTS)
    await home.delete_topic(EVENTS)
    await home.make_topic(EVENTS)
    for partition, end in ends.items():
        await home.append(EVENTS, partition, *[b"{}"] * (end + 5))
    for worker in ("relay", "ingest", "projector"):
        await home.start(worker)
        assert isinstance(await home.ended(worker), LogChangedError)
    status, said = await home.trueup("rebuild-store")
    assert status == 1 and "restore Kafka's data" in said, said
    await home.restore_kafka()
    await home.start()
    assert await calls(home, wire) == 30
    assert not await home.stop()


@pytest.mark.long
async def test_a_log_whose_beginning_a_retention_deleted_is_named(stack: Stack, tmp_path: Path) -> None:
    async with fresh_home(stack, tmp_path) as home:  # nothing brings it back
        await home.start()
        await set_up(home.wire("cut"))
        await home.settled()
        await home.stop()
        await home.delete_before(CATALOG, {0: 5})
        await home.start("projector")
        error = await home.ended("projector")
        assert isinstance(error, LogCutError) and "retention.ms" in str(error)


@pytest.mark.long
async def test_bill_lines_that_were_deleted_are_written_again(home: Home) -> None:
    await home.start()
    wire = home.wire("lines")
    await set_up(wire)
    await publish(home, "lines", range(30))
    assert await calls(home, wire) == 30
    job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"})
    while job["status"] != "COMPLETE":
        job = await wire.do("GET", f"billjobs/{job['id']}")
    await home.settled()
    await home.stop()
    before = await home.values(BILL_LINES)
    await home.delete_topic(BILL_LINES)
    status, said = await home.trueup("migrate")
    assert status == 1 and f"topic {home.cluster.topic(BILL_LINES)} does not exist" in said, said
    status, said = await home.trueup("rebuild-store")
    count = sum(map(len, before.values()))
    assert status == 0 and f"{count} bill lines written again" in said, said
    assert before and await home.values(BILL_LINES) == before
    assert "bill lines written again" not in (await home.trueup("rebuild-store"))[1]
    await home.start()
    assert await calls(home, wire) == 30
    assert not await home.stop()


async def test_a_strangers_records_are_passed_over_named_and_acknowledged(home: Home) -> None:
    async with connected(home.database_url) as connection:
        generations = await load_generations(connection)
    tick = seal(ClockTicked(now=NOW), source="clock/else", sequence=1, organization="", time=NOW)
    source = clock_source(generations.commands)
    forged = seal(ClockTicked(now=NOW), source=source, sequence=10**9, organization="", time=NOW)
    forged = forged.model_copy(update={"id": tick.id})
    strange = [None, b"", b"{", b"[1]", b'{"type":"UsageRated","schema":1,', encode(tick), encode(forged)]
    await home.start()
    wire = home.wire("visited")
    await set_up(wire)
    places = {
        (EVENTS, 1): await home.append(EVENTS, 1, *strange),
        (CATALOG, 0): await home.append(CATALOG, 0, *strange),
    }
    await publish(home, "visited", range(30))
    assert await calls(home, wire) == 30
    await home.stop()
    await home.start()  # and so does whoever reads them again
    assert await calls(home, wire) == 30

    status, said = await home.trueup("audit")
    assert status == 1 and "live == replay, unexplained 0.00, 14 foreign records" in said, said
    listed = (await home.trueup("foreign"))[1]
    names = [
        f"{home.cluster.topic(topic)}/{partition}/{start + n}"
        for (topic, partition), start in places.items()
        for n in range(7)
    ]
    assert all(f"{name}: " in listed for name in names), listed
    ours = f"{home.cluster.topic(EVENTS)}/1/0"
    status, said = await home.trueup("foreign", names[0], ours)
    assert status == 1 and f"{ours} is no foreign record" in said
    assert (await home.trueup("foreign", *names))[0] == 0
    status, said = await home.trueup("audit")
    assert status == 0, said
    assert not await home.stop()


async def test_a_record_of_a_newer_program_stops_its_partition_alone_and_by_name(home: Home) -> None:
    async with connected(home.database_url) as connection:
        generations = await load_generations(connection)
    await home.start()
    wire = home.wire("newer")
    await set_up(wire)
    await publish(home, "newer", range(30))
    assert await calls(home, wire) == 30
    here = partition_of("newer", ACCOUNTS[0], PARTITIONS)
    source = clock_source(generations.commands)
    tick = seal(ClockTicked(now=NOW), source=source, sequence=10**9, organization="", time=NOW)
    with structlog.testing.capture_logs() as lines:
        offset = await home.append(EVENTS, here, encode(tick).replace(b'"schema":1', b'"schema":99', 1))
        await publish(home, "newer", range(30, 90))
        elsewhere = sum(partition_of("newer", ACCOUNTS[n % len(ACCOUNTS)], PARTITIONS) != here for n in range(30, 90))
        async with asyncio.timeout(PATIENCE_S):
            while await counted(home, "newer") != 30 + elsewhere:
                await asyncio.sleep(0.1)
    [stopped] = [line for line in lines if line["event"] == "partition_stopped"]
    place = f"{home.cluster.topic(EVENTS)}/{here} at offset {offset}"
    assert stopped["why"].startswith(f"{place}: ClockTicked has schema version 99")
    assert 0 < elsewhere < 60
    assert not await home.stop()


async def counted(home: Home, organization: str) -> int:
    async with connected(home.database_url) as connection:
        live = await connection.fetchval("SELECT name FROM store.live_schema")
        query = f"SELECT coalesce(sum(total), 0) FROM {live}.usage_totals WHERE organization = $1"
        return int(await connection.fetchval(query, organization))
