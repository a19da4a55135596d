"""The API on the migrated store, where webhooks may lead to loopback; a receiver; and `trueup webhooks`."""

import os
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest
import pytest_asyncio

from services.api.app import create_app
from services.personal.keyring import Keyring
from services.webhooks.addresses import ReceiverRules
from services.webhooks.rules import WebhookRules
from services.webhooks.sealing import Sealer
from tests.api.serving import served
from tests.api_client import TOKEN_SECRET, Api
from tests.forked import ForkedChild, started
from tests.store.kit import Store
from tests.webhooks.receiver import Receiver, receiving

KEY = "what secrets are encrypted with here"
#: What keys of personal data are encrypted with here; a process has it only where a test says so.
PERSONAL_KEY = "what keys of accounts are encrypted with here"
RULES = WebhookRules(ReceiverRules((ip_network("127.0.0.0/8"),), plain_http=True), Sealer(KEY))


class Organization(Api):
    """One that makes destinations at a receiver, and events."""

    async def destination(self, url: str, *event_types: str, **more: object) -> dict[str, object]:
        """The answer that made it, which has its secret."""
        body = {"name": "Hook", "description": "", "url": url, **more}
        made: dict[str, object] = await self.do(
            "POST",
            "integrationdestinations/webhooks",
            body | ({"eventTypes": list(event_types)} if event_types else {}),
        )
        return made

    async def product(self, code: str) -> str:
        """An event, and a subject of more."""
        return await self.create("products", code=code, name=code)

    async def deliveries(self, webhook: object, **query: str) -> list[dict[str, object]]:
        """Those of a destination, newest first."""
        path = f"integrationdestinations/webhooks/{webhook}/deliveries"
        found: list[dict[str, object]] = (await self.do("GET", path, **query))["data"]
        return found


class Workers:
    """Processes `trueup webhooks`, started and killed."""

    def __init__(self, store: Store, log: Path) -> None:
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")},
            "TRUEUP_HOME": str(log.parent / "home"),
            "TRUEUP_KAFKA_BOOTSTRAP": store.endpoints.kafka.bootstrap,
            "TRUEUP_DATABASE_URL": store.endpoints.database_url,
            "TRUEUP_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
            "TRUEUP_WEBHOOK_ALLOW_HTTP": "true",
            "TRUEUP_WEBHOOK_SECONDS": "2",
            "TRUEUP_WEBHOOK_KEY": KEY,
        }
        self.log = log
        self._running: list[ForkedChild] = []

    async def start(self, **more: str) -> ForkedChild:
        child = await started("webhooks", environment=self._environment | more, log=self.log)
        self._running.append(child)
        return child

    async def kill_all(self) -> None:
        for child in self._running:
            await child.kill()
        self._running.clear()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(opened: Store) -> AsyncIterator[str]:
    """The base URL of a server."""
    servers = opened.endpoints.database_url, opened.endpoints.kafka
    keyring = Keyring(PERSONAL_KEY)
    async with served(create_app(*servers, token_secret=TOKEN_SECRET, keyring=keyring, webhook_rules=RULES)) as base:
        yield base


@pytest.fixture
def org(url: str, store: Store) -> Organization:
    return Organization(lambda: url, store.organization)


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def workers(opened: Store, tmp_path: Path) -> AsyncIterator[Workers]:
    running = Workers(opened, tmp_path / "webhooks.log")
    yield running
    await running.kill_all()
