"""One system whose processes are looked at, by all of these tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.run.settings import Settings, load_settings
from services.run.stack import Stack
from services.run.up import System
from tests.sight.asking import Numbers, numbers
from tests.sight.collector import Collector, collecting
from tests.system.running import running_system

PARTITIONS = 2


class Seen:
    """A system, where its processes answer, and what they tell a collector of traces."""

    def __init__(self, settings: Settings, stack: Stack, system: System, collector: Collector) -> None:
        self.settings, self.stack, self.system, self.collector = settings, stack, system, collector

    @property
    def urls(self) -> dict[str, str]:
        """By process."""
        return self.system.addresses.sight

    async def numbers(self, process: str) -> Numbers:
        """What it shows now."""
        return await numbers(self.urls[process])


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def seen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seen]:
    home = tmp_path_factory.mktemp("sight")
    settings = load_settings(home=home, partitions=PARTITIONS, worker_session_ms=6_000, log_level="DEBUG")
    with collecting() as collector, pytest.MonkeyPatch.context() as told:
        told.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        told.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        async with running_system(settings) as (stack, system):
            yield Seen(settings, stack, system, collector)
