"""Headers that any producer may send and hardly any does: they stop nothing."""

import asyncio
import struct

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.consumer import fetcher
from aiokafka.record.util import calc_crc32c

from events.topics import USAGE
from tests.ingest.live import Live, usages

pytestmark = pytest.mark.stack

CRC_OFFSET, CRC_START = 17, 21


async def publish_with_unreadable_header(system: Live, partition: int, value: bytes) -> None:
    """A record whose header name is no UTF-8: written by hand, because no client would."""
    producer = AIOKafkaProducer(bootstrap_servers=system.endpoints.kafka_bootstrap)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch.append(timestamp=None, key=b"k", value=value, headers=[("unreadable", b"1")])
        buffer = bytearray(batch._build())
        place = buffer.index(b"unreadable")
        buffer[place : place + 4] = b"\xff\xfe\xff\xfe"
        struct.pack_into(">I", buffer, CRC_OFFSET, calc_crc32c(buffer[CRC_START:]))
        batch._buffer = buffer
        async with asyncio.timeout(30):
            await (await producer.send_batch(batch, USAGE, partition=partition))
    finally:
        await producer.stop()


async def test_a_header_without_a_value_stops_nothing(system: Live) -> None:
    world = system.world(accounts=12)
    await system.create(world)
    code = world.codes[0]
    here = world.partition(code)
    stray = next(other for other in world.codes if world.partition(other) != here)
    async with system.worker():
        await system.publish(here, [b"oops", world.usage("s", stray)], [("x", None)])
        await system.publish(here, [world.usage("a", code)])
        log = await system.settled()
    assert sorted(fact.usage_id for fact in usages(log)) == ["a", "s"]
    assert [one["reason"] for one in await system.rejected()] == ["not-json"]


async def test_a_header_whose_name_is_not_utf8_stops_nothing(system: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    # Undone after the test: the parser of the process is exchanged for good.
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)
    world = system.world()
    await system.create(world)
    code = world.codes[0]
    here = world.partition(code)
    async with system.worker():
        await system.publish(here, [world.usage("before", code)])
        await publish_with_unreadable_header(system, here, world.usage("odd", code))
        await publish_with_unreadable_header(system, here, b"not json")
        await system.publish(here, [world.usage("after", code)])
        log = await system.settled()
    assert sorted(fact.usage_id for fact in usages(log)) == ["after", "before", "odd"]
    assert [one["reason"] for one in await system.rejected()] == ["not-json"]
