"""A leg of the floor: a raw copy of `usage`, record by record, partition by partition. Started by `floor`."""

import asyncio
from typing import Any

import asyncpg
import uvloop
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from benchmarks.task import Task
from benchmarks.waiting import pass_gate
from events.topics import RECORD_BYTES_MOST, USAGE
from services.garbage import tune_garbage_collection
from services.kafka import BATCH_BYTES, FETCH_BYTES, new_consumer, new_producer

#: Records per poll: more than the product takes, because a copy has nothing else to do between them.
MAX_RECORDS = 8_000


async def main(task: Task) -> None:
    """Copy until stopped."""
    consumer = new_consumer(
        task.cluster,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=50,
    )
    producer = new_producer(
        task.cluster,
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=RECORD_BYTES_MOST,
        max_request_size=RECORD_BYTES_MOST,
    )
    await producer.start()
    await consumer.start()
    connection = await asyncpg.connect(task.database_url)
    tune_garbage_collection()
    await pass_gate(connection)
    consumer.assign([TopicPartition(USAGE, partition) for partition in range(task.partitions)])
    while True:
        fetched = await consumer.getmany(timeout_ms=50, max_records=MAX_RECORDS)
        await asyncio.gather(
            *(_copy(producer, task.copy, topic_partition.partition, rows) for topic_partition, rows in fetched.items())
        )


async def _copy(producer: AIOKafkaProducer, topic: str, partition: int, records: list[ConsumerRecord]) -> None:
    """Append the records in batches as large as the product's, each acknowledged before the next."""
    batch, size = producer.create_batch(), 0
    for record in records:
        if size > BATCH_BYTES:
            await _send(producer, batch, topic, partition)
            batch, size = producer.create_batch(), 0
        batch.append(key=record.key, value=record.value, timestamp=None)
        size += len(record.value)
    await _send(producer, batch, topic, partition)


async def _send(producer: AIOKafkaProducer, batch: Any, topic: str, partition: int) -> None:
    batch.close()
    await (await producer.send_batch(batch, topic, partition=partition))


if __name__ == "__main__":
    uvloop.run(main(Task.given()))
