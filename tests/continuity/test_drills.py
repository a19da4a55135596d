"""The drills of docs/runbook.md that need an archive, and the one of a bad version; one system goes through all.

What was there before is there afterwards: balances, draws, bills and their lines, and the audit says so.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from events.topics import EVENTS, USAGE, partition_of
from services.breaks import LogWentBackError
from services.kafka import LogReader
from services.postgres import connected
from services.store.generations import load_generations
from tests.continuity.home import Home
from tests.continuity.test_transactions import publisher, send
from tests.continuity.test_usage_lost import publish
from tests.kafka.odd_records import publish_with_unreadable_header
from tests.system.story import ACCOUNTS, Left, Wire, set_up

#: One drill after the other, over one system.
pytestmark = [pytest.mark.stack, pytest.mark.timeout(600), pytest.mark.long]
ORGANIZATION = "drilled"


@pytest.fixture(scope="module")
def home(breaking_home: Home) -> Home:
    return breaking_home


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wire(home: Home) -> AsyncIterator[Wire]:
    """An organization with usage, some of it from transactions, and with a bill; nothing runs."""
    await home.start()
    wire = home.wire(ORGANIZATION)
    await set_up(wire)
    await publish(home, ORGANIZATION, range(60))
    async with publisher(home) as producer:
        async with producer.transaction():
            await send(home, producer, ORGANIZATION, range(60, 80))
        await producer.begin_transaction()
        await send(home, producer, ORGANIZATION, range(900, 910))
        await producer.abort_transaction()
    await publish_with_unreadable_header(home.cluster, home.cluster.topic(USAGE), 0, b"not json")
    await home.append(USAGE, 1, None)
    await bill(wire, "2026-01-31")
    await home.settled()
    await home.stop()
    yield wire


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where archives are kept, one for each cluster."""
    return tmp_path_factory.mktemp("archives")


async def bill(wire: Wire, last_day: str) -> None:
    job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": last_day})
    async with asyncio.timeout(90):
        while job["status"] != "COMPLETE":
            await asyncio.sleep(0.1)
            job = await wire.do("GET", f"billjobs/{job['id']}")


async def do(home: Home, *arguments: str) -> str:
    status, said = await home.trueup(*arguments)
    assert status == 0, said
    return said


async def check_audit(home: Home) -> None:
    assert "live == replay, unexplained 0.00" in await do(home, "audit")


async def unread(home: Home) -> tuple[str, int]:
    """Under which name `usage` is read, and how many of its records were not read yet."""
    async with connected(home.database_url) as connection:
        generations = await load_generations(connection)
    count = 0
    async with LogReader(home.cluster, committed=True) as reader:
        for partition, end in (await reader.end_offsets(USAGE, range(home.settings.partitions))).items():
            async for records in reader.read(USAGE, partition, generations.begin_of(partition), end):
                count += len(records)
    return generations.usage, count


def counted(left: Left) -> int:
    return sum(int(float(row["total"])) for row in left["usage_totals"])


async def test_a_partition_whose_disk_is_lost_is_restored_from_the_archive(home: Home, wire: Wire, kept: Path) -> None:
    before = await home.left(wire)
    assert counted(before) == 80 and before["bills"] and before["draws"]
    await do(home, "archive", str(kept / "first"))
    here = partition_of(ORGANIZATION, ACCOUNTS[0], home.settings.partitions)
    await home.lose_partitions(f"{EVENTS}-{here}", f"{USAGE}-{here}")
    await home.start("projector")
    assert isinstance(await home.ended("projector"), LogWentBackError)

    said = await do(home, "restore", str(kept / "first"))
    assert f"{EVENTS}/{here}: " in said and said.count("records written") == 2, said
    name, _ = await unread(home)
    await do(home, "rebuild-store")
    renamed, left = await unread(home)
    assert renamed != name and left == 0, "usage goes on behind what was read"
    await home.start()
    assert await home.left(wire) == before
    await publish(home, ORGANIZATION, range(70, 100))
    assert counted(await home.left(wire)) == 100
    await check_audit(home)
    await home.stop()


async def test_a_kafka_lost_whole_is_restored_from_an_archive_that_was_behind(
    home: Home, wire: Wire, kept: Path
) -> None:
    await home.start("api", "relay", "projector")
    await publish(home, ORGANIZATION, range(100, 130))  # it is in `usage`, and not yet in the log
    await do(home, "archive", str(kept / "second"))
    await home.start("ingest")
    late = await wire.make("products", "late", code="late", name="Late")
    before = await home.left(wire)
    assert counted(before) == 130
    await home.stop()
    await home.lose_kafka()
    status, said = await home.trueup("migrate")
    assert status == 1 and "does not exist" in said and "restore" in said, said

    said = await do(home, "archive", "verify", str(kept / "second"))
    assert f"archive: {EVENTS}: " in said and "not as it was written" not in said, said
    said = await do(home, "restore", str(kept / "second"))
    assert said.count("records written") == 2 * home.settings.partitions + 1, said
    assert "records written" not in await do(home, "restore", str(kept / "second"))
    said = await do(home, "rebuild-store")
    assert "1 events are written to the log again" in said and "read models replayed" in said, said
    await home.start()
    assert await home.left(wire) == before
    assert (await wire.do("GET", f"products/{late}"))["code"] == "late"
    await check_audit(home)
    await home.stop()


async def test_a_move_to_another_cluster_goes_on_where_it_was(home: Home, wire: Wire, kept: Path) -> None:
    await home.start()
    async with publisher(home) as producer, producer.transaction():
        await send(home, producer, ORGANIZATION, range(130, 140))
    await publish(home, ORGANIZATION, range(140, 150))  # stands behind a marker, and will not over there
    before = await home.left(wire)
    await home.stop()
    await do(home, "archive", str(kept / "third"))
    # Under another prefix Kafka is another cluster, as far as anybody can see: no topic and no group of ours is there.
    home.endpoints = replace(home.endpoints, kafka=replace(home.cluster, prefix="elsewhere."))
    await do(home, "restore", str(kept / "third"))
    said = await do(home, "rebuild-store")
    assert "0 events added" in said and "again when the relay runs" not in said and "replayed" not in said, said
    assert (await unread(home))[1] == 0
    await home.start()
    assert await home.left(wire) == before
    await publish(home, ORGANIZATION, range(140, 170))
    await bill(wire, "2026-02-28")
    after = await home.left(wire)
    assert counted(before) == 150 and counted(after) == 170 and len(after["bills"]) > len(before["bills"])
    await check_audit(home)
    await home.stop()


async def test_what_a_bad_version_has_put_into_the_read_models_goes_with_it(home: Home, wire: Wire) -> None:
    await home.start()
    before = await home.left(wire)
    async with connected(home.database_url) as connection:
        schema = await connection.fetchval("SELECT name FROM store.live_schema")
        await connection.execute(f"UPDATE {schema}.commitment_balances SET spent = spent + 1")
        await connection.execute(f"COMMENT ON SCHEMA {schema} IS 'bad'; UPDATE store.live_schema SET wanted = 'bad'")
    await home.stop()
    await do(home, "migrate")  # the old version's
    await home.start()
    assert await home.left(wire) == before
    await check_audit(home)
    await home.stop()
