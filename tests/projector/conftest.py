"""A stack of its own for each package: the log is fixed to topic names, and these tests look at all of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from services.postgres import Postgres, open_postgres
from services.settings import Settings, load_settings
from services.stack import Endpoints, Stack
from services.store.migrate import migrate

PARTITIONS = 2


@dataclass(frozen=True)
class Place:
    """Where the package's stack answers."""

    settings: Settings
    endpoints: Endpoints
    postgres: Postgres

    @property
    def bootstrap(self) -> str:
        return self.endpoints.kafka_bootstrap


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    settings = load_settings(home=tmp_path_factory.mktemp("projector"), partitions=PARTITIONS)
    running = Stack(settings)
    endpoints = await running.start()
    try:
        await migrate(settings, endpoints)
        async with open_postgres(endpoints.database_url, most=6) as postgres:
            yield Place(settings, endpoints, postgres)
    finally:
        await running.stop()
