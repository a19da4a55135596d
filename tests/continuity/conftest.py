"""A stack of its own for each module: these tests break it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.run.settings import load_settings
from services.run.stack import Stack
from tests.continuity.home import Home

PARTITIONS = 4


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    home = tmp_path_factory.mktemp("loss")
    # Never somebody's own servers.
    settings = load_settings(
        home=home, partitions=PARTITIONS, kafka_bootstrap=None, database_url=None, test_stack="embedded"
    )
    stack = Stack(settings)
    await stack.start()
    found = Home(settings, stack)
    try:
        await found.migrate()
        yield found
    finally:
        await found.stop()
        await stack.stop()
