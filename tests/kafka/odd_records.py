"""Records that no client would write, and any client may."""

import asyncio
import struct

from aiokafka.record.util import calc_crc32c

from services.kafka import Cluster, new_producer

CRC_OFFSET, CRC_START = 17, 21


async def publish_with_unreadable_header(cluster: Cluster, topic: str, partition: int, value: bytes) -> None:
    """A record whose header name is no UTF-8: written by hand, because no client would."""
    producer = new_producer(cluster)
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
            await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()
