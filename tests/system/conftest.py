"""A system that the tests of a module disturb."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.run.settings import load_settings
from tests.system.disturbed import PARTITIONS, SESSION_MS, Disturbed, nothing
from tests.system.running import running_system


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def disturbed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Disturbed]:
    home = tmp_path_factory.mktemp("survival")
    settings = load_settings(home=home, partitions=PARTITIONS, worker_session_ms=SESSION_MS, api_port=0)
    async with running_system(settings) as (stack, system):
        found = Disturbed(stack, system)
        found.undisturbed = await found.played("undisturbed", nothing)
        yield found
