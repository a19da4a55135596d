"""A stack of its own for each module: these tests break it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.continuity import guard
from services.run.settings import load_settings
from services.run.stack import Stack
from tests.continuity.home import Home

PARTITIONS = 4
#: How often guards look: who waits for one to find something waits a tenth of what he would in production.
CHECK_SECONDS = 1.0


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
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(guard, "CHECK_SECONDS", CHECK_SECONDS)
            yield found
            await found.stop()
    finally:
        await stack.stop()
