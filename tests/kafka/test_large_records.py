"""A record of any size that the setting allows is written and read: also where a fetch asks for much less."""

import os
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.producer.message_accumulator import BatchBuilder

from events.topics import RECORD_BYTES_LEAST, RECORD_BYTES_MOST
from services.kafka import FETCH_BYTES, BatchWriter, LogReader, Record, new_admin, new_consumer
from services.kafka.writing import _cuts, _fill
from services.run.stack import Stack

PARTITIONS = 2


@pytest_asyncio.fixture(loop_scope="session")
async def topic(stack: Stack) -> AsyncIterator[str]:
    """A topic of the largest records that there may be."""
    admin = new_admin(stack.endpoints.kafka)
    await admin.start()
    name = f"large-{uuid4().hex}"
    config = {"max.message.bytes": str(RECORD_BYTES_MOST)}
    await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=config)], timeout_ms=30_000)
    yield name
    await admin.delete_topics([name], timeout_ms=30_000)
    await admin.close()


def incompressible(size: int) -> list[Record]:
    return [Record(None, b"before"), Record(None, os.urandom(size)), Record(None, b"after")]


@pytest.mark.stack
@pytest.mark.parametrize("size", [FETCH_BYTES + 1, RECORD_BYTES_MOST - 64 * 1024])
async def test_a_record_larger_than_a_fetch_is_read_whole(stack: Stack, topic: str, size: int) -> None:
    cluster, records = stack.endpoints.kafka, incompressible(size)
    async with BatchWriter(cluster) as writer, LogReader(cluster) as reader:
        await writer.append(topic, 0, records)
        values = [record.value async for polled in reader.read(topic, 0, 0, 3) for record in polled]
    assert values == [record.value for record in records]


@pytest.mark.stack
async def test_large_records_of_several_partitions_do_not_hide_each_other(stack: Stack, topic: str) -> None:
    cluster, records = stack.endpoints.kafka, incompressible(FETCH_BYTES * 3)
    async with BatchWriter(cluster) as writer:
        for partition in range(PARTITIONS):
            await writer.append(topic, partition, records)
    consumer = new_consumer(
        cluster,
        auto_offset_reset="none",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        consumer.assign(places)
        for topic_partition in places:
            consumer.seek(topic_partition, 0)
        received: dict[TopicPartition, list[bytes]] = {topic_partition: [] for topic_partition in places}
        while any(len(values) < len(records) for values in received.values()):
            for topic_partition, polled in (await consumer.getmany(timeout_ms=10_000)).items():
                received[topic_partition] += [record.value for record in polled]
    finally:
        await consumer.stop()
    assert all(values == [record.value for record in records] for values in received.values())


@pytest.mark.parametrize(
    ("record", "count"),
    [
        (Record(None, b""), 20_000),
        (Record(b"k" * 100, b"v" * 1_000), 2_000),
        (Record(None, b"v", [("", None)] * 300), 1_000),
        (Record(b"", b"v" * 1_000, [("é" * 1_000, b"h" * 50)] * 20), 100),
    ],
    ids=["bare", "keyed", "empty headers", "long names"],
)
def test_many_records_are_batches_that_every_topic_takes(record: Record, count: int) -> None:
    records = [record] * count
    cuts = _cuts(records)
    assert len(cuts) > 1 and [start for start, _ in cuts[1:]] == [stop for _, stop in cuts[:-1]]
    for start, stop in cuts:
        _fill(BatchBuilder(RECORD_BYTES_LEAST, 0), records[start:stop])
