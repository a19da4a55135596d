"""The live projector as a process: killed in mid-load, it leaves what an undisturbed one leaves."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from events.topics import EVENTS
from services.kafka import LogReader
from services.readside.live import live_schema, use_schema
from tests.forked import ForkedChild, started
from tests.projector.conftest import PARTITIONS, Installation
from tests.projector.driving import empty, everything, project
from tests.projector.log import Log, days
from tests.system.sharing import environment_at

pytestmark = pytest.mark.stack
WAIT_SECONDS = 60


async def _start(installation: Installation) -> ForkedChild:
    environment = os.environ | environment_at(installation.endpoints)
    return await started("projector", environment=environment, log=Path(os.devnull))


async def _folded(installation: Installation) -> int:
    async with installation.postgres.transaction() as connection:
        await use_schema(connection, await live_schema(connection))
        return int(await connection.fetchval("SELECT coalesce(sum(next_offset), 0) FROM positions"))


async def _due(installation: Installation) -> int:
    async with installation.postgres.transaction() as connection:
        await use_schema(connection, await live_schema(connection))
        return int(await connection.fetchval("SELECT count(*) FROM due_accounts"))


async def _until(installation: Installation, wanted: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while await _folded(installation) < wanted:
            await asyncio.sleep(0.02)


@pytest.mark.long
async def test_killed_in_mid_load_it_leaves_what_an_undisturbed_one_leaves(installation: Installation) -> None:
    log = Log("killed", PARTITIONS, generation="killed")
    log.catalog()
    for name, partition in (("acme", 0), ("bolt", 1)):
        log.account(name, partition, prepaid="50")
    log.tick(datetime(2026, 2, 1, tzinfo=UTC))
    await log.append(installation.cluster)
    process = await _start(installation)
    try:
        for burst in range(6):
            for n in range(300):
                log.usage("acme", "m", days(28)[n % 28], 0, repeat=n % 50 == 0, tokens=n)
                log.usage("bolt", "m", days(28)[n % 28], 1, tokens=n)
            await log.append(installation.cluster)
            if burst in (1, 3):
                await _until(installation, 200)
                await process.kill()
                process = await _start(installation)
        async with LogReader(installation.cluster) as reader:
            end = sum((await reader.end_offsets(EVENTS, range(PARTITIONS))).values())
        await _until(installation, end)
        async with asyncio.timeout(WAIT_SECONDS):
            while await _due(installation):  # draws and lines follow the balances
                await asyncio.sleep(0.02)
    finally:
        status = await asyncio.wait_for(process.stop(), WAIT_SECONDS)
    assert status == 0
    disturbed = await everything(installation)
    await empty(installation)
    await project(installation)
    assert await everything(installation) == disturbed and disturbed["draws"]
