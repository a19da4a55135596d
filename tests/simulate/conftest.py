"""The system that live stories are played on, one for all of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.access.local import operators
from services.run.settings import load_settings
from services.simulate.live_player import LiveSystem
from tests.simulate.living import Live
from tests.system.running import running_system


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    home = tmp_path_factory.mktemp("live")
    settings = load_settings(home=home, partitions=4, api_port=0)
    async with running_system(settings) as (_, system):
        key = operators(system.keys, settings)
        players = LiveSystem(system.addresses.api_url, system.endpoints.kafka, key)
        await asyncio.to_thread(players.__enter__)
        yield Live(system, players)
        await asyncio.to_thread(players.__exit__, None, None, None)
