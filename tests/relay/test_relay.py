"""The relay on real Kafka and Postgres: order, restarts, kill -9; nothing is lost, and nothing counts twice."""

import asyncio
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog

from events.envelope import Envelope
from events.facts.bills import BillIssued
from events.sources import clock_source, commands_source
from events.topics import BILL_LINES
from services.continuity.check import log_partitions
from services.kafka import BatchWriter, Cluster, KafkaUnreachableError, LogReader
from services.postgres import connected
from services.relay.cursor import try_lead
from services.relay.relay import QUARTER_S
from services.run.stack import Stack
from services.store.events import NewEvent, append
from tests.forked import started
from tests.relay.driving import (
    Log,
    Place,
    caught_up_head,
    check_nothing_lost_or_doubled,
    commands,
    log_of,
    relay,
    relayed_all,
    until,
)
from tests.store.kit import NOW, Store

pytestmark = pytest.mark.stack


async def test_facts_reach_their_partitions_in_commit_order(store: Store) -> None:
    after = await caught_up_head(store)
    async with log_of(store) as log, relay(store):
        await asyncio.gather(*(commands(store, 6) for _ in range(3)))
        await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)


async def test_a_second_relay_waits_and_takes_over(store: Store) -> None:
    after = await caught_up_head(store)
    async with log_of(store) as log, relay(store):
        first = relay(store)
        await first.__aenter__()
        await commands(store, 3)
        await until(lambda: relayed_all(store))
        await first.__aexit__(None, None, None)
        await commands(store, 3)
        await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)


async def test_an_event_of_a_newer_version_is_named_and_left_to_a_newer_relay(store: Store) -> None:
    after = await caught_up_head(store)
    await commands(store, 2)
    newest = after + 3

    async def raise_version(by: int) -> None:
        async with connected(store.endpoints.database_url) as connection:
            statement = "UPDATE store.events SET schema_version = schema_version + $1 WHERE position = $2 RETURNING 1"
            assert await connection.fetchval(statement, by, newest)

    async def is_lead_free() -> bool:
        async with connected(store.endpoints.database_url) as connection:
            return await try_lead(connection)

    await raise_version(90)
    async with log_of(store) as log:
        with structlog.testing.capture_logs() as lines:
            async with relay(store):
                await until(lambda: _is_said(lines, "relay_begins_anew"))
                await until(is_lead_free)
                assert not await log.read(commands_source(store.generations.commands))
                await raise_version(-90)
                await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)
    [said] = {line["error"] for line in lines if line["event"] == "relay_begins_anew"}
    assert said.startswith(f"NewerEventError: event {newest} of the store is of a newer version of Trueup: ")


async def _is_said(lines: Sequence[Any], event: str) -> bool:
    return any(line["event"] == event for line in lines)


async def test_a_failed_produce_leaves_no_gap(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    after = await caught_up_head(store)
    really, calls = BatchWriter.append, 0

    async def shaky(self: BatchWriter, topic: str, partition: int, records: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 3 == 1:
            raise KafkaUnreachableError(Cluster("kafka"), "lost before it was sent")
        done = await really(self, topic, partition, records)
        if calls % 3 == 2:
            raise KafkaUnreachableError(Cluster("kafka"), "acknowledgement lost")
        return done

    monkeypatch.setattr(BatchWriter, "append", shaky)
    monkeypatch.setattr("services.outage.BACKOFF_S", (0.05,))
    await commands(store, 4)
    async with log_of(store) as log, relay(store):
        await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)
        written = await log.written()
    for topic_partition, envelopes in written.items():
        mine = [
            envelope.sequence
            for envelope in envelopes
            if envelope.source == commands_source(store.generations.commands)
        ]
        assert mine == sorted(set(mine)), f"{topic_partition} was told twice although its tail said so"


async def test_kill_9_loses_and_doubles_nothing(store: Store, stack: Stack, tmp_path: Path) -> None:
    after = await caught_up_head(store)
    environment = os.environ | {
        "TRUEUP_KAFKA_BOOTSTRAP": stack.endpoints.kafka.bootstrap,
        "TRUEUP_DATABASE_URL": stack.endpoints.database_url,
    }
    async with log_of(store) as log:
        writing = asyncio.gather(*(commands(store, 40) for _ in range(2)))
        for number in range(4):
            ready = tmp_path / f"ready-{number}"
            child = await started("relay", "--ready-file", str(ready), environment=environment, log=Path(os.devnull))
            await until(lambda ready=ready: asyncio.to_thread(ready.exists))  # type: ignore[misc]
            await asyncio.sleep(0.1 * number)
            await child.kill()
        async with relay(store):
            await writing
            await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)


@pytest.mark.parametrize("part", ["kafka", "postgres"])
async def test_a_restarted_server_is_waited_for(store: Store, stack: Stack, part: str) -> None:
    after = await caught_up_head(store)
    async with log_of(store) as log, relay(store):
        await commands(store, 3)
        await (stack.restart_kafka(crash=True) if part == "kafka" else stack.restart_postgres(crash=True))
        await commands(store, 3)
        await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)


async def told(store: Store, log: Log, moments: Sequence[float]) -> dict[Place, list[Envelope]]:
    """The ticks that relays write whose hosts' clocks stand at these moments, one relay after the other."""
    for moment in moments:
        async with relay(store, wall_seconds=lambda moment=moment: moment):
            await store.account()  # what is relayed is relayed after the tick
            await until(lambda: relayed_all(store))
    source, written = clock_source(store.generations.commands), await log.written()
    places = log_partitions(store.generations.partitions)
    return {
        topic_partition: [envelope for envelope in written[topic_partition] if envelope.source == source]
        for topic_partition in places
    }


async def test_every_partition_is_told_each_quarter_hour_once(store: Store) -> None:
    quarter = int(time.time() // QUARTER_S) - 100
    async with log_of(store) as log:
        ticks_told = await told(
            store, log, [quarter * QUARTER_S + 7.0, quarter * QUARTER_S + 9.0, (quarter + 2) * QUARTER_S]
        )
    for topic_partition, ticks in ticks_told.items():
        assert [tick.time.timestamp() / QUARTER_S for tick in ticks] == [quarter, quarter + 2], topic_partition
        assert ticks[1].sequence == ticks[0].sequence + 1 and ticks[0].organization == ""


async def test_a_host_a_year_ahead_tells_what_postgres_says_and_the_clocks_are_named(store: Store) -> None:
    now = time.time()
    with structlog.testing.capture_logs() as lines:
        async with log_of(store) as log:
            ticks_told = await told(store, log, [now - 50 * QUARTER_S, now + 365 * 86400.0, now - 30 * QUARTER_S])
    for topic_partition, ticks in ticks_told.items():
        quarters = [int(tick.time.timestamp()) // QUARTER_S for tick in ticks]
        assert quarters == [int(now // QUARTER_S) - 50, quarters[1], int(now // QUARTER_S) - 30], topic_partition
        assert abs(quarters[1] - now // QUARTER_S) <= 1
        assert [tick.sequence - ticks[0].sequence for tick in ticks] == [0, 1, 2]
    said = [difference for line in lines if line["event"] == "clocks_differ" for difference in line["found"]]
    assert any(
        re.fullmatch(r"the clock of this host is 3153\d{4} s ahead of that of Kafka", difference) for difference in said
    ), said


async def test_lines_of_an_issued_bill_go_to_invoicing(store: Store) -> None:
    account = await store.account()
    line = {
        "number": 1, "type": "USAGE", "accountId": account, "amount": "1.50", "quantity": "3", "units": "3",
        "periodStart": "2026-01-01", "periodEnd": "2026-02-01",
    }  # fmt: skip
    bill = BillIssued.model_validate(
        {
            "billId": f"bill-{account}", "accountId": account, "rootId": account, "billDate": "2026-02-01",
            "dueDate": "2026-02-15", "startDate": "2026-01-01", "endDate": "2026-02-01", "billingFrequency": "MONTHLY",
            "currency": "USD", "timezone": "UTC", "total": "3.00",
            "lines": [line | {"id": "line-1"}, line | {"id": "line-2", "number": 2}],
            "positions": {"partition": 2, "log": 1, "catalog": 1},
        }
    )  # fmt: skip
    event = NewEvent(store.organization, f"bills-{account}", 1, bill, NOW, account=account, partition=2)
    async with LogReader(store.endpoints.kafka) as reader, relay(store):
        start = (await reader.end_offsets(BILL_LINES, [2]))[2]
        async with store.postgres.transaction() as connection:
            [envelope] = await append(connection, [event], store.generations)
        await until(lambda: relayed_all(store))
        end = (await reader.end_offsets(BILL_LINES, [2]))[2]
        records = [record async for batch in reader.read(BILL_LINES, 2, start, end) for record in batch]
    assert [record.key for record in records] == [account.encode()] * 2
    position = str(envelope.sequence).encode()
    assert [record.headers for record in records] == [
        [("position", position), ("line", number)] for number in (b"1", b"2")
    ]
    assert b'"billId":"bill-' in records[0].value and b'"amount":"1.50"' in records[0].value
