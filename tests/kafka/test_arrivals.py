"""`Arrivals` on a real topic: records and events end its wait at once, and none is lost however they come together."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewTopic

from services.kafka import BatchWriter, RawFetcher, Record, new_admin, new_consumer, read_raw
from services.run.stack import Stack
from services.worker.consumer import BUSY_WAIT_MS, GATHER_S, QUIET_S, QUIET_WAIT_MS, Arrivals

pytestmark = pytest.mark.stack
TOPIC = "arriving"


@dataclass
class Topic:
    """A topic of one partition, a consumer at its end, and a writer."""

    consumer: AIOKafkaConsumer
    fetcher: RawFetcher
    writer: BatchWriter

    async def write(self, *values: bytes) -> None:
        await self.writer.append(TOPIC, 0, [Record(None, value) for value in values])


@pytest_asyncio.fixture(loop_scope="session")
async def topic(stack: Stack) -> AsyncIterator[Topic]:
    cluster = stack.endpoints.kafka
    admin = new_admin(cluster)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    consumer = new_consumer(cluster, fetch_max_wait_ms=BUSY_WAIT_MS)
    await consumer.start()
    fetcher = await read_raw(consumer)
    consumer.assign([TopicPartition(TOPIC, 0)])
    consumer.seek(TopicPartition(TOPIC, 0), 0)
    async with BatchWriter(cluster) as writer:
        yield Topic(consumer, fetcher, writer)
    await consumer.stop()
    await admin.delete_topics([TOPIC])
    await admin.close()


async def some_time_below(seconds: float, measured: Callable[[], Awaitable[float]]) -> bool:
    """Whether it is below at one of five attempts: a busy machine may be slow at most of them."""
    for _ in range(5):
        if await measured() < seconds:
            return True
    return False


def values(fetched: object) -> list[bytes]:
    assert isinstance(fetched, dict)
    return [record.value for records in fetched.values() for record in records]


async def test_a_record_ends_the_wait_also_when_it_has_been_quiet_for_long(topic: Topic) -> None:
    arrivals = Arrivals(topic.consumer, topic.fetcher, 100)
    fetcher = topic.fetcher

    async def waited() -> float:
        started = time.monotonic()
        while time.monotonic() - started < QUIET_S + 0.2:
            assert await arrivals.next(0.2) == {}
        assert fetcher._fetch_max_wait_ms == QUIET_WAIT_MS
        waiting = asyncio.ensure_future(arrivals.next(30))
        await asyncio.sleep(0.5)  # a fetch is held by the broker
        written = time.monotonic()
        await topic.write(b"one")
        assert values(await waiting) == [b"one"]
        assert fetcher._fetch_max_wait_ms == BUSY_WAIT_MS
        return time.monotonic() - written

    assert await some_time_below(1, waited), "whoever waits for the fetch to end waits two seconds each time"


async def test_an_event_ends_the_wait_and_the_time_does(topic: Topic) -> None:
    arrivals, woken, stop = Arrivals(topic.consumer, topic.fetcher, 100), asyncio.Event(), asyncio.Event()
    started = time.monotonic()
    assert await arrivals.next(0.3, stop, woken) == {}
    assert 0.3 <= time.monotonic() - started < 20
    for event in (woken, stop):
        asyncio.get_running_loop().call_later(0.1, event.set)
        started = time.monotonic()
        assert await arrivals.next(30, stop, woken) == {}
        assert time.monotonic() - started < 20
        assert await arrivals.next(30, stop, woken) == {}, "one that is set is not waited for"
        event.clear()


async def test_what_comes_while_events_ring_is_neither_lost_nor_doubled(topic: Topic) -> None:
    arrivals, woken = Arrivals(topic.consumer, topic.fetcher, 7), asyncio.Event()
    wanted = [b"%d" % number for number in range(300)]

    async def write() -> None:
        for start in range(0, len(wanted), 10):
            await topic.write(*wanted[start : start + 10])
            woken.set()
            await asyncio.sleep(0.003 * (start % 4))

    writing, got = asyncio.ensure_future(write()), list[bytes]()
    async with asyncio.timeout(30):
        while len(got) < len(wanted):
            got += values(await arrivals.next(1, woken))
            woken.clear()
    await writing
    assert got == wanted
    assert await arrivals.next(0.1) == {}


async def test_a_trickle_is_gathered_and_full_batches_are_not(topic: Topic) -> None:
    arrivals, came = Arrivals(topic.consumer, topic.fetcher, 4), list[tuple[float, int]]()

    async def take(count: int) -> None:
        came.clear()
        async with asyncio.timeout(30):
            while sum(size for _, size in came) < count:
                if size := len(values(await arrivals.next(1))):
                    came.append((time.monotonic(), size))

    async def trickle() -> None:
        for _ in range(40):
            await topic.write(b"one")

    writing = asyncio.ensure_future(trickle())
    await take(40)
    await writing
    pauses = [after[0] - before[0] for before, after in pairwise(came) if before[1] < 4]
    assert all(pause >= GATHER_S * 0.9 for pause in pauses)

    async def flood() -> float:
        await topic.write(*(b"%d" % number for number in range(400)))
        await take(400)
        return came[-1][0] - came[0][0]

    assert await some_time_below(GATHER_S * 50, flood), "a hundred batches of four"


async def test_an_event_ends_the_gathering(topic: Topic) -> None:
    arrivals, woken = Arrivals(topic.consumer, topic.fetcher, 100), asyncio.Event()
    arrivals._next_at = time.monotonic() + 30
    asyncio.get_running_loop().call_later(0.1, woken.set)
    started = time.monotonic()
    assert await arrivals.next(30, woken) == {}
    assert time.monotonic() - started < 20
