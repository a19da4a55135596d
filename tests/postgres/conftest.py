"""A cluster with a migrated database of two organizations, and connections as requests have them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.postgres import Postgres, Role, open_postgres
from services.run.stack.postgres import EmbeddedPostgres
from tests.postgres.secured import Database, fresh_database


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The administrator's URL of a Postgres of its own."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("cluster"))
    yield await server.start()
    await server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(cluster: str) -> AsyncIterator[Database]:
    """A migrated one with a row of each of the organizations `a` and `b` in every table."""
    async with fresh_database(cluster) as made:
        await made.migrate()
        assert made.told == []
        await made.fill("a", "b")
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def requests(database: Database) -> AsyncIterator[Postgres]:
    """A pool as requests have it, of one connection: whoever comes next gets the one that was just given back."""
    async with open_postgres(database.url, role=Role.API, most=1) as opened:
        yield opened
