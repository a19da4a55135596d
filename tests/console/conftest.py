"""One organization with a story for all of the folder, on the system that several folders share; and visitors of it."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from services.run.up import System
from tests.console.story import Office, open_office
from tests.console.visiting import Visitor, visiting


@pytest.fixture(scope="package")
def system(common_system: System) -> System:
    return common_system


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def office(system: System) -> Office:
    """The story; who changes something of it takes what nobody else looks at."""
    return await open_office(system, f"office-{uuid4().hex[:8]}")


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def visitor(office: Office) -> AsyncIterator[Visitor]:
    """Somebody who is signed in with a key that may do everything."""
    async with visiting(office, "all") as found:
        yield found


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def reader(office: Office) -> AsyncIterator[Visitor]:
    """The same with a key that may read, and nothing else."""
    async with visiting(office, "reader") as found:
        yield found
