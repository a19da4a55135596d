"""An installation of its own for each package: these tests look at all of its log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest_asyncio

from services.kafka import Cluster
from services.migrate.migrate import migrate
from services.postgres import Postgres, open_postgres
from services.run.settings import load_settings
from services.run.stack import Endpoints, Stack
from tests.system import sharing

PARTITIONS = 2
#: Names under which tests write the log: what comes under any other is a stranger's.
GENERATIONS = (
    *("apart-0", "apart-1", "apart-2"),
    *("between-True", "between-False"),
    "first",
    "cuts",
    "late",
    "zombie",
    "days",
    "ahead",
    "recalled",
    "broken",
    "killed",
    "story",
    "divided",
    "charged",
    "child",
    "fees",
    "checked",
    "amended",
    "overtaken",
    "waited-for",
)


@dataclass(frozen=True)
class Installation:
    """Where the package's installation answers."""

    endpoints: Endpoints
    postgres: Postgres

    @property
    def cluster(self) -> Cluster:
        return self.endpoints.kafka


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def installation(stack: Stack) -> AsyncIterator[Installation]:
    async with fresh_installation(stack) as fresh:
        yield fresh


@asynccontextmanager
async def fresh_installation(stack: Stack) -> AsyncIterator[Installation]:
    """An installation on the stack, migrated, that knows the names under which tests write."""
    endpoints = await sharing.installation(stack.endpoints)
    await migrate(load_settings(partitions=PARTITIONS), endpoints)
    async with open_postgres(endpoints.database_url, most=6) as postgres:
        async with postgres.connection() as connection:
            for generation in GENERATIONS:
                await connection.execute("INSERT INTO store.past_generations VALUES ('test', $1)", generation)
        yield Installation(endpoints, postgres)
