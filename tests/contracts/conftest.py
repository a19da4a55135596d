"""One system for the tests that ask all of HTTP and read all of Kafka."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from services.run.up import System
from tests.api_client import CONFIG, http_client
from tests.contracts.examples import one_of_each


@pytest.fixture(scope="package")
def system(common_system: System) -> System:
    return common_system


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def http(system: System) -> AsyncIterator[httpx.AsyncClient]:
    """Below an organization that is configured."""
    async with http_client(f"{system.addresses.api_url}/organizations/contracts") as client:
        (await client.put("/organizationconfig", json=CONFIG)).raise_for_status()
        yield client


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def ids(http: httpx.AsyncClient) -> dict[str, str]:
    """By kind, of what the organization has: one of each, projected."""
    made = await one_of_each(http)
    async with asyncio.timeout(60):
        while not (await http.get(f"/accounts/{made['account']}/unbilled")).is_success:
            await asyncio.sleep(0.1)
    return made
