"""A system whose ingest worker runs in the test's own process."""

from collections.abc import AsyncIterator

import pytest_asyncio

from services.run.stack import Stack
from tests.ingest.live import Live, live


@pytest_asyncio.fixture(loop_scope="session")
async def system(stack: Stack) -> AsyncIterator[Live]:
    async with live(stack.endpoints) as running:
        yield running
