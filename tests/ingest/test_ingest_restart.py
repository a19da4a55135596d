"""What an ingest worker starts from, and what it waits for: the projector's snapshot, the relay, servers that died."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from events.sources import LastSequences, read_source, usage_source
from events.topics import EVENTS
from projections.aggregates import DayState
from projections.readmodels import positions, seen_ids, usage_totals
from projections.readmodels.positions import Position, move_arguments
from services.breaks import LogWentBackError
from services.ingest import catalogs as commands
from services.kafka import BatchWriter, Cluster, KafkaUnreachableError, Record
from services.kafka.writing import Appended
from services.postgres import Postgres, open_postgres
from services.readside.live import create_read_models
from services.run.settings import load_settings
from services.run.stack import Stack
from services.store import events as store_events
from tests.ingest.live import PATIENCE_S, Live, live, usages
from tests.ingest.world import World

pytestmark = pytest.mark.stack
SCHEMA = "rm_ingest_test"


@contextlib.asynccontextmanager
async def read_models(system: Live) -> AsyncIterator[Postgres]:
    """Empty read models of this test's own, live for the length of the block."""
    async with open_postgres(system.endpoints.database_url, most=1) as postgres:
        async with postgres.transaction() as connection:
            before = await connection.fetchval("SELECT name FROM store.live_schema")
            await create_read_models(connection, SCHEMA)
            await connection.execute("UPDATE store.live_schema SET name = $1", SCHEMA)
        try:
            yield postgres
        finally:
            async with postgres.transaction() as connection:
                await connection.execute("UPDATE store.live_schema SET name = $1", before)
                await connection.execute(f'DROP SCHEMA "{SCHEMA}" CASCADE')


async def project(system: Live, postgres: Postgres, world: World, digests: list[str], total: DayState) -> None:
    """Write what the projector would: everything up to the log's end is in these rows, by its own statements."""
    here = world.partition("acme-0")
    end = (await system.reader.end_offsets(EVENTS, [here]))[here]
    read = max(envelope.sequence for envelope in await system.log() if envelope.type == "UsageRead")
    sequences = {
        usage_source(system.generations.usage, here): read - 1,
        read_source(system.generations.usage, here): read,
    }
    async with postgres.transaction() as connection:
        await connection.execute(f'SET LOCAL search_path TO "{SCHEMA}"')
        await connection.fetch(positions.LEASE, EVENTS, [here])
        moved = Position(here, end, 1, LastSequences(sequences))
        assert await connection.fetch(positions.MOVE, *move_arguments([moved]))
        key = (world.account_id("acme-0"), world.id("sum"), "", date(2026, 1, 15))
        row = usage_totals.total_row(key, here, world.organization, total, (0, 0))
        await connection.execute(usage_totals.UPSERT, *[[value] for value in row])
        await connection.execute(seen_ids.INSERT, [here], [0], [datetime.now(UTC)], [seen_ids.pack(digests)])


async def test_a_worker_starts_from_the_projectors_snapshot(system: Live) -> None:
    world = system.world()
    await system.create(world)
    here = world.partition("acme-0")
    async with system.worker():
        await system.publish(here, [world.usage("a", tokens=60), world.usage("b", tokens=39)])
        digests = [fact.digest for fact in usages(await system.settled())]
    async with read_models(system) as postgres:
        # 500 instead of 99: what is rated next shows that these rows were read, and not the log before them.
        await project(system, postgres, world, digests, DayState(Decimal(500), 2))
        again = [world.usage("b", tokens=39), world.usage("a", tokens=1), world.usage("c", tokens=2)]
        await system.publish(here, again)
        async with system.worker():
            log = await system.settled()
    found = usages(log)
    assert [fact.usage_id for fact in found] == ["a", "b", "c"]
    assert found[-1].charges[0].amount == Decimal("0.01")
    assert [refusal["reason"] for refusal in await system.rejected()] == ["id-conflict"]


async def test_a_log_that_is_shorter_than_the_snapshot_stops_the_worker_by_name(system: Live) -> None:
    here = system.partitions - 1
    async with read_models(system) as postgres:
        async with postgres.transaction() as connection:
            await connection.execute(f'SET LOCAL search_path TO "{SCHEMA}"')
            await connection.fetch(positions.LEASE, EVENTS, [here])
            await connection.execute("UPDATE positions SET next_offset = 1000000000")
        with pytest.raises(LogWentBackError, match=f"billing.events/{here} ends at offset"):
            async with system.worker():
                pass


async def test_usage_waits_for_a_relay_that_is_behind(system: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "RELAY_WAIT_S", 0.5)
    behind = asyncio.Event()

    async def relayed(connection: object) -> int:
        return 0 if not behind.is_set() else await store_events.relayed(connection)

    world = system.world()
    await system.create(world)
    async with system.worker():
        monkeypatch.setattr(commands, "relayed", relayed)
        other = system.world()
        await system.create(other)
        await system.publish(other.partition("acme-0"), [other.usage("a")])
        await asyncio.sleep(2)
        assert usages(await system.log()) == [] and await system.rejected() == []
        behind.set()
        assert [fact.usage_id for fact in usages(await system.settled())] == ["a"]


async def test_workers_that_come_and_go_share_the_partitions_and_double_nothing(system: Live) -> None:
    world = system.world(accounts=20)
    await system.create(world)
    names: list[str] = []

    async def load() -> None:
        for turn in range(80):
            for code in world.codes:
                names.append(f"{turn}-{code}")
                await system.publish(world.partition(code), [world.usage(names[-1], code)])

    async with system.worker():
        loading = asyncio.create_task(load())
        for _ in range(2):
            async with system.worker():
                await asyncio.sleep(1)
            await asyncio.sleep(0.5)
        await loading
        log = await system.settled()
    assert Counter(fact.usage_id for fact in usages(log)) == Counter(names)


@pytest.mark.parametrize("written", [False, True], ids=["nothing was written", "all was written"])
async def test_polls_that_were_judged_while_one_before_them_failed_are_judged_again(
    system: Live, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    world, failed = system.world(), asyncio.Event()
    await system.create(world)
    here, really = world.partition("acme-0"), BatchWriter.append

    async def append(self: BatchWriter, topic: str, partition: int, records: list[Record]) -> list[Appended]:
        if topic != EVENTS or failed.is_set():
            return await really(self, topic, partition, records)
        if written:
            await really(self, topic, partition, records)
        # The next polls, with a refusal and copies of what fails here, come meanwhile.
        await system.publish(here, [world.usage("a"), b"?", world.usage("b")])
        await asyncio.sleep(0.3)
        await system.publish(here, [world.usage("b"), world.usage("c")])
        await asyncio.sleep(0.3)
        assert await system.rejected() == []
        failed.set()
        raise KafkaUnreachableError(Cluster("kafka"), "the acknowledgement was lost")

    async with system.worker():
        monkeypatch.setattr("services.ingest.handler.BatchWriter.append", append)
        await system.publish(here, [world.usage("a")])
        await asyncio.wait_for(failed.wait(), PATIENCE_S)
        log = await system.settled()
    assert [fact.usage_id for fact in usages(log)] == ["a", "b", "c"]
    assert [refusal["reason"] for refusal in await system.rejected()] == ["not-json"]


async def test_a_record_of_many_megabytes_is_refused_and_kept(system: Live) -> None:
    world = system.world()
    await system.create(world)
    here = world.partition("acme-0")
    async with system.worker():
        await system.writer.append("usage", here, [Record(None, b"x" * 15_000_000), Record(None, world.usage("a"))])
        log = await system.settled()
    assert [fact.usage_id for fact in usages(log)] == ["a"]
    refused = await system.rejected()
    assert [(refusal["reason"], len(refusal["value"])) for refusal in refused] == [
        ("oversized", system.generations.record_bytes // 2)
    ]


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_servers_that_die_in_mid_load_lose_and_double_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    own = Stack(load_settings(home=tmp_path_factory.mktemp("dying")))
    await own.start()
    try:
        async with live(own.endpoints) as system:
            world = system.world(accounts=20)
            await system.create(world)
            names: list[str] = []
            async with system.worker():
                for turn in range(60):
                    for code in world.codes:
                        names.append(f"{turn}-{code}")
                        await _publish(system, world.partition(code), [world.usage(names[-1], code)])
                    if turn == 20:
                        await own.restart_kafka(crash=True)
                    if turn == 40:
                        await own.restart_postgres(crash=True)
                log = await system.settled()
    finally:
        await own.stop()
    # The test's own publisher may repeat a record whose acknowledgement it lost: it counts once all the same.
    assert Counter(fact.usage_id for fact in usages(log)) == Counter(names), json.dumps(len(names))


async def _publish(system: Live, partition: int, values: list[bytes]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await system.publish(partition, values)
                return
            except Exception:
                await system.writer.reset()
                await asyncio.sleep(0.2)
