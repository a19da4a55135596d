"""Many append through one producer, which outlives its brokers and whatever becomes of one of its batches."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import UnknownError

from events.topics import USAGE_REJECTED
from services.kafka import Cluster, KafkaUnreachableError, LogReader, Record, SharedWriter, writing
from tests.store.kit import Store

pytestmark = pytest.mark.stack
TOPIC = USAGE_REJECTED


def records(name: str, count: int = 20) -> list[Record]:
    return [Record(None, f"{name}-{number}".encode()) for number in range(count)]


async def values(cluster: Cluster, start: int) -> list[str]:
    async with LogReader(cluster) as reader:
        end = (await reader.end_offsets(TOPIC, [0]))[0]
        return [record.value.decode() async for part in reader.read(TOPIC, 0, start, end) for record in part]


async def end(cluster: Cluster) -> int:
    async with LogReader(cluster) as reader:
        return (await reader.end_offsets(TOPIC, [0]))[0]


async def test_all_that_is_appended_at_once_is_there_once(opened: Store) -> None:
    cluster = opened.endpoints.kafka
    start = await end(cluster)
    async with SharedWriter(cluster) as writer:
        await asyncio.gather(*(writer.append(TOPIC, 0, records(f"w{number}")) for number in range(30)))
    written = await values(cluster, start)
    assert sorted(written) == sorted(f"w{number}-{index}" for number in range(30) for index in range(20))
    for number in range(30):
        theirs = [value for value in written if value.startswith(f"w{number}-")]
        assert theirs == [f"w{number}-{index}" for index in range(20)], "in order"


async def test_a_failure_costs_one_producer_and_nobody_elses_batch(
    opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = opened.endpoints.kafka
    async with SharedWriter(cluster) as writer:
        await writer.append(TOPIC, 0, records("before"))
        first = writer._writer
        assert first is not None

        async def broken(*_: Any, **__: Any) -> Any:
            raise UnknownError

        with monkeypatch.context() as patched:
            patched.setattr(first._producer, "send_batch", broken)
            with pytest.raises(KafkaUnreachableError):
                await writer.append(TOPIC, 0, records("lost"))
        await writer.append(TOPIC, 0, records("after"))
        assert writer._writer not in (None, first)


async def test_who_waits_too_long_is_told_and_the_producer_stays(
    opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = opened.endpoints.kafka
    async with SharedWriter(cluster) as writer:
        await writer.append(TOPIC, 0, records("before"))
        first = writer._writer
        assert first is not None

        async def slow(*_: Any, **__: Any) -> Any:
            await asyncio.sleep(5)

        with monkeypatch.context() as patched:
            patched.setattr(writing, "REQUEST_TIMEOUT_S", 0.05)
            patched.setattr(first._producer, "send_batch", slow)
            with pytest.raises(KafkaUnreachableError):
                await writer.append(TOPIC, 0, records("late"))
        await writer.append(TOPIC, 0, records("after"))
        assert writer._writer is first


async def test_without_a_broker_it_says_so() -> None:
    async with SharedWriter(Cluster("127.0.0.1:1")) as writer:
        with pytest.raises(KafkaUnreachableError, match=r"127\.0\.0\.1:1"):
            await writer.append(TOPIC, 0, records("lost"))
