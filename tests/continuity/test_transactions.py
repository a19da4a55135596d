"""Publishers may be transactional: what was aborted never counts, and nobody waits for a record behind a marker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from events.topics import USAGE, partition_of, usage_key
from services.kafka import new_producer
from tests.continuity.home import PATIENCE_S, Home
from tests.continuity.test_usage_lost import calls, publish, usage
from tests.system.story import ACCOUNTS, set_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@asynccontextmanager
async def publisher(home: Home) -> AsyncIterator[AIOKafkaProducer]:
    async with new_producer(home.cluster, transactional_id="shop") as producer:
        yield producer


async def send(home: Home, producer: AIOKafkaProducer, organization: str, numbers: range) -> None:
    for number in numbers:
        code = ACCOUNTS[number % len(ACCOUNTS)]
        place = partition_of(organization, code, home.settings.partitions)
        value = usage(organization, code, number)
        await producer.send_and_wait(
            home.cluster.topic(USAGE), value, key=usage_key(organization, code), partition=place
        )


async def test_a_bill_waits_for_no_record_behind_a_committed_transaction(home: Home) -> None:
    await home.start()
    wire = home.wire("committed")
    await set_up(wire)
    async with publisher(home) as producer:
        async with producer.transaction():
            await send(home, producer, "committed", range(20))
        job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"})
        async with asyncio.timeout(30):
            while job["status"] != "COMPLETE":
                await asyncio.sleep(0.1)
                job = await wire.do("GET", f"billjobs/{job['id']}")
    assert await calls(home, wire) == 20
    assert not await home.stop()
    await home.start()  # behind the marker, too
    await publish(home, "committed", range(10, 30))
    assert await calls(home, wire) == 30
    await home.stop()


async def test_what_was_aborted_never_counts(home: Home) -> None:
    await home.start()
    wire = home.wire("aborted")
    await set_up(wire)
    async with publisher(home) as producer:
        await producer.begin_transaction()
        await send(home, producer, "aborted", range(20))
        await producer.abort_transaction()
        assert await calls(home, wire) == 0
        async with producer.transaction():
            await send(home, producer, "aborted", range(15, 30))
    assert await calls(home, wire) == 15
    status, said = await home.trueup("audit")
    assert status == 0, said
    await home.stop()


async def test_an_open_transaction_holds_up_nobody_who_waits(home: Home) -> None:
    await home.start()
    wire = home.wire("open")
    await set_up(wire)
    await publish(home, "open", range(10))
    async with publisher(home) as producer, asyncio.timeout(PATIENCE_S):
        await producer.begin_transaction()
        await send(home, producer, "open", range(10, 20))
        await publish(home, "open", range(20, 30))  # stands behind it, and is not stable before it ends
        assert 10 <= await calls(home, wire) < 30
        await producer.commit_transaction()
    assert await calls(home, wire) == 30
    assert not await home.stop()
