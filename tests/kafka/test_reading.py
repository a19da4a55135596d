"""A reader of ranges: what it meets, and when it ends."""

from uuid import uuid4

import pytest
from aiokafka.admin import NewTopic

from services.kafka import BatchWriter, KafkaUnreachableError, LogReader, Record, new_admin
from services.run.stack import Stack
from tests.kafka.odd_records import publish_with_unreadable_header

pytestmark = pytest.mark.stack


async def test_what_ends_the_block_of_a_young_reader_is_what_is_raised(stack: Stack) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with LogReader(stack.endpoints.kafka):
                raise ZeroDivisionError


async def test_a_header_whose_name_is_not_utf8_is_read_like_any_record(stack: Stack) -> None:
    cluster, topic = stack.endpoints.kafka, f"odd-{uuid4().hex[:8]}"
    admin = new_admin(cluster)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)], timeout_ms=30_000)
    await admin.close()
    async with BatchWriter(cluster) as writer:
        await writer.append(topic, 0, [Record(None, b"1"), Record(None, b"2")])
        await publish_with_unreadable_header(cluster, topic, 0, b"3")
        await writer.append(topic, 0, [Record(None, b"4")])
    async with LogReader(cluster) as reader:
        found = [record async for records in reader.read(topic, 0, 1, 4) for record in records]
        assert [record.value for record in found] == [b"2", b"3", b"4"]
        assert [len(record.headers) for record in found] == [0, 1, 0]
    async with LogReader(cluster) as other:  # it begins anew with the parser that is fast
        assert [record.value async for records in other.read(topic, 0, 0, 2) for record in records] == [b"1", b"2"]
        with pytest.raises(KafkaUnreachableError, match=f"OffsetOutOfRangeError.*{topic}/0 at offset 9"):
            await anext(other.read(topic, 0, 9, 10))
