"""An installation for each module: these tests lose what it has. Who breaks the broker does so on a stack that is there
to be broken, one after the other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from services.continuity import guard
from services.run.settings import load_settings
from services.run.stack import Stack
from tests.continuity.home import Home
from tests.system.sharing import installation

PARTITIONS = 4
#: How often guards look: who waits for one to find something waits a tenth of what he would in production.
CHECK_SECONDS = 1.0


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def breakable(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Never somebody's own servers."""
    home = tmp_path_factory.mktemp("loss")
    stack = Stack(load_settings(home=home, kafka_bootstrap=None, database_url=None, test_stack="embedded"))
    await stack.start()
    yield stack
    await stack.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def home(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    async with fresh_home(stack, tmp_path_factory.mktemp("home")) as home:
        yield home


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def breaking_home(breakable: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    """For modules whose `home` it is, because they break the broker."""
    async with fresh_home(breakable, tmp_path_factory.mktemp("home")) as home:
        yield home


@asynccontextmanager
async def fresh_home(stack: Stack, folder: Path) -> AsyncIterator[Home]:
    """An installation on the stack, migrated; nothing runs."""
    home = Home(load_settings(home=folder, partitions=PARTITIONS), stack, await installation(stack.endpoints))
    await home.migrate()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(guard, "CHECK_SECONDS", CHECK_SECONDS)
        yield home
        await home.stop()
