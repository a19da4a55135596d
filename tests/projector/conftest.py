"""A stack of its own for each package: the log is fixed to topic names, and these tests look at all of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from services.kafka import Cluster
from services.migrate.migrate import migrate
from services.postgres import Postgres, open_postgres
from services.run.settings import Settings, load_settings
from services.run.stack import Endpoints, Stack

PARTITIONS = 2
#: Names under which tests write the log: what comes under any other is a stranger's.
GENERATIONS = (
    *("apart-0", "apart-1", "apart-2"),
    "first",
    "cuts",
    "late",
    "zombie",
    "days",
    "ahead",
    "broken",
    "killed",
    "story",
    "divided",
    "charged",
    "child",
    "fees",
    "checked",
)


@dataclass(frozen=True)
class Place:
    """Where the package's stack answers."""

    settings: Settings
    endpoints: Endpoints
    postgres: Postgres

    @property
    def cluster(self) -> Cluster:
        return self.endpoints.kafka


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with running_place(tmp_path_factory.mktemp("projector")) as found:
        yield found


@asynccontextmanager
async def running_place(home: Path) -> AsyncIterator[Place]:
    """A stack of its own, migrated, that knows the names under which tests write."""
    settings = load_settings(home=home, partitions=PARTITIONS)
    running = Stack(settings)
    endpoints = await running.start()
    try:
        await migrate(settings, endpoints)
        async with open_postgres(endpoints.database_url, most=6) as postgres:
            async with postgres.connection() as connection:
                for generation in GENERATIONS:
                    await connection.execute("INSERT INTO store.past_generations VALUES ('test', $1)", generation)
            yield Place(settings, endpoints, postgres)
    finally:
        await running.stop()
