"""A topic that is missing is named once, waited for quietly, and holds up no end of a process."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from events.topics import CHECKPOINTS, EVENTS, USAGE, USAGE_REJECTED
from services.run.stack import Stack
from tests.continuity.conftest import fresh_home
from tests.continuity.home import PATIENCE_S, Home
from tests.continuity.test_usage_lost import calls, publish
from tests.forked import started
from tests.system.sharing import environment_at
from tests.system.story import set_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
WATCHED_SECONDS = 5


@pytest.mark.parametrize("topic", [USAGE, EVENTS])
async def test_workers_without_their_topic_say_so_once_and_end_at_once(
    stack: Stack, tmp_path: Path, topic: str
) -> None:
    async with fresh_home(stack, tmp_path) as home:
        await home.delete_topic(topic)
        async with asyncio.TaskGroup() as together:
            for worker in ("ingest", "projector", "relay"):
                together.create_task(without(home, topic, worker, tmp_path / worker))


async def without(home: Home, topic: str, worker: str, said: Path) -> None:
    """A worker that is started, watched and asked to end while its topic is missing."""
    environment = os.environ | environment_at(home.endpoints)
    named = f"topic {home.cluster.topic(topic)} does not exist"
    said.touch()
    process = await started(worker, environment=environment, log=said)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while named not in said.read_text():
                await asyncio.sleep(0.1)
        await asyncio.sleep(WATCHED_SECONDS)
        assert process.returncode is None
        began = time.monotonic()
        async with asyncio.timeout(30):
            await process.stop()
        assert time.monotonic() - began < 7  # it took 8 s of a machine that had nothing else to do
    finally:
        await process.kill()
    lines = said.read_text().splitlines()
    assert len(lines) < 10, lines
    assert sum(named in line for line in lines) == 1, lines


async def test_what_is_deleted_under_a_running_system_is_gone_on_with_when_it_is_back(home: Home) -> None:
    await home.start()
    wire = home.wire("quiet")
    await set_up(wire)
    await publish(home, "quiet", range(20))
    assert await calls(home, wire) == 20
    for topic in (USAGE_REJECTED, CHECKPOINTS):
        await home.delete_topic(topic)
    await asyncio.sleep(WATCHED_SECONDS)
    assert (await home.trueup("migrate"))[0] == 0
    await publish(home, "quiet", range(20, 40))
    await home.append(USAGE, 1, b"not json")
    assert await calls(home, wire) == 40
    assert not await home.stop()
