"""An installation of its own: what is compared is all of it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from services.run.stack import Stack
from tests.projector.conftest import PARTITIONS, Installation, fresh_installation
from tests.projector.driving import project
from tests.projector.log import Log, days


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def installation(stack: Stack) -> AsyncIterator[Installation]:
    """With usage in both partitions."""
    async with fresh_installation(stack) as installation:
        log = Log("apart", PARTITIONS, generation="first")
        log.catalog()
        log.aggregation("largest", "m", "MAX")
        for number in range(20):
            name, partition = f"account {number}", number % PARTITIONS
            log.account(name, partition, prepaid="100")
            for n, ts in enumerate(days(60)):
                log.usage(name, "m", ts, partition, tokens=n * number)
        for partition in range(PARTITIONS):
            log.read(partition)
        log.tick(days(61)[-1])
        await log.append(installation.cluster)
        await project(installation)
        yield installation
