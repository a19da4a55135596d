"""A system with a played story: usage, a bill, late usage, an amendment, another bill."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from services.kafka import Cluster
from services.postgres import Postgres, open_postgres
from services.run.settings import load_settings
from services.run.stack import Stack
from services.run.up import System
from tests.insight.story import PARTITIONS, play_story
from tests.system.running import system_on
from tests.system.story import Wire, settled

#: What the system's notary signs with.
CHECKPOINT_SECRET = "the operator's secret in these tests, long enough"


@dataclass
class Played:
    """Where the system answers, and what the story made: accounts, moments of log time, bills."""

    system: System
    postgres: Postgres
    wire: Wire
    accounts: dict[str, str]
    moments: list[datetime] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        return self.system.endpoints.kafka

    def note(self) -> None:
        """Remember this moment."""
        self.moments.append(datetime.now(UTC))

    async def get(self, path: str, **query: Any) -> Any:
        """The answer with exact numbers."""
        return await self.wire.exact(path, **query)

    async def settled(self) -> None:
        await settled(self.system.endpoints)

    async def bills(self) -> list[dict[str, Any]]:
        bills: list[dict[str, Any]] = (await self.wire.do("GET", "bills"))["data"]
        return bills

    async def commitments(self) -> list[dict[str, Any]]:
        commitments: list[dict[str, Any]] = (await self.wire.do("GET", "commitments"))["data"]
        return commitments


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def played(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Played]:
    home = tmp_path_factory.mktemp("insight")
    settings = load_settings(
        home=home, partitions=PARTITIONS, worker_session_ms=6000, api_port=0, checkpoint_secret=CHECKPOINT_SECRET
    )
    async with (
        system_on(stack, settings) as system,
        open_postgres(system.endpoints.database_url, most=6) as postgres,
    ):
        wire = Wire(lambda: system.addresses.api_url, "insight")
        played = Played(system, postgres, wire, {})
        await play_story(played)
        yield played
