"""Services and servers that stand still, or are away, for longer than their sessions: nothing is another for it."""

import asyncio
import time

import pytest

from events.topics import USAGE
from services.kafka import BatchWriter, KafkaUnreachableError, LogReader, Record, writing
from services.run.stack.part import EmbeddedPart
from tests.forked import ForkedChild
from tests.system.disturbed import END_SECONDS, SERVICES, SESSION_MS, Disturbed
from tests.system.pausing import standing_still

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def test_whoever_stands_still_for_longer_than_its_session_in_mid_load_changes_nothing(
    disturbed: Disturbed,
) -> None:
    """As a machine that is paused, or swaps: the group has given its partitions away by then, and it goes on later."""
    children = disturbed.system.supervisor._children
    services = {name: child.pid for name, child in children.items() if isinstance(child, ForkedChild)}
    parts = [part._child for part in disturbed.stack.processes if isinstance(part, EmbeddedPart)]
    servers = [child._process.pid for child in parts if child is not None]
    paused = {1: [services["ingest"], services["api"]], 3: [services["projector"], services["relay"]], 5: servers}

    async def pause(part: int) -> None:
        if part in paused:
            with standing_still(paused[part]):
                await asyncio.sleep(1.3 * SESSION_MS / 1_000)

    assert await disturbed.played("paused", pause) == disturbed.undisturbed


async def test_services_end_in_time_while_kafka_is_away(disturbed: Disturbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that have just begun. What a producer could not send is not sent afterwards."""
    cluster, supervisor = disturbed.system.endpoints.kafka, disturbed.system.supervisor
    monkeypatch.setattr(writing, "REQUEST_TIMEOUT_S", 2.0)
    async with LogReader(cluster) as reader, BatchWriter(cluster) as writer:
        await writer.start()
        producer = writer._producer
        before = await reader.end_offsets(USAGE, [0])
        async with disturbed.stack.without_kafka(crash=True):
            with pytest.raises(KafkaUnreachableError):
                await writer.append(USAGE, 0, [Record(None, b"nobody's")])
            await writer.reset()
            assert producer is not None and producer._sender.sender_task.done()
            await asyncio.sleep(SESSION_MS / 1_000)
            for _ in range(2):
                for name in SERVICES:
                    begun = time.monotonic()
                    assert await supervisor.stop(name) == 0, name
                    assert time.monotonic() - begun < END_SECONDS, name
                    supervisor.restart(name)
                await asyncio.sleep(2)
            await asyncio.gather(*map(supervisor.kill, SERVICES))
        await disturbed.system.start(SERVICES)
        await asyncio.sleep(2)
        assert await reader.end_offsets(USAGE, [0]) == before
