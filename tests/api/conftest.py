"""The API as a server of its own on loopback, over the migrated store, and clients of it."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from m3ter import AsyncM3ter

from services.api.app import create_app
from services.readside.waiter import Waiter
from services.run.stack import Stack
from tests.api.measured import make_meter
from tests.api.schemas import check_exchange
from tests.api.serving import served
from tests.api_client import TOKEN_SECRET, http_client
from tests.ingest.live import Live, live
from tests.official import official_client
from tests.store.kit import Store


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[Waiter]:
    """No relay and no projector run here: who would wait for them, in the order of asking."""
    found: list[Waiter] = []

    async def until_commands_projected(waiter: Waiter) -> None:
        found.append(waiter)

    monkeypatch.setattr(Waiter, "until_commands_projected", until_commands_projected)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(opened: Store) -> AsyncIterator[str]:
    """The base URL of a server; gone with the module, for it would carry out the bill jobs of other modules' tests."""
    app = create_app(opened.endpoints.database_url, opened.endpoints.kafka, token_secret=TOKEN_SECRET)
    async with served(app) as base:
        yield base


@pytest_asyncio.fixture(loop_scope="session")
async def http(url: str, store: Store, waited: list[Waiter]) -> AsyncIterator[httpx.AsyncClient]:
    """Plain HTTP below the organization's path; what is sent as bytes says that it is JSON."""
    async with http_client(f"{url}/organizations/{store.organization}") as client:
        client.headers["content-type"] = "application/json"
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def sdk(url: str, store: Store, waited: list[Waiter]) -> AsyncIterator[AsyncM3ter]:
    """m3ter's official client."""
    async with official_client(url, store.organization, strict=True) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def system(stack: Stack) -> AsyncIterator[Live]:
    """Relay, log and usage; an ingest worker where a test asks for one."""
    async with live(stack.endpoints) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def metered(url: str, store: Store, waited: list[Waiter]) -> AsyncIterator[httpx.AsyncClient]:
    """Below an organization with the meter "api"; each exchange is as the document has it."""
    await make_meter(store)
    async with http_client(f"{url}/organizations/{store.organization}") as client:
        client.headers["content-type"] = "application/json"
        client.event_hooks = {"response": [check_exchange]}
        yield client
