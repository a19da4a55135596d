"""What all tests share: one running stack. A test with topics or tables of its own gives them names of their own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog

from services.run.settings import load_settings
from services.run.stack import Stack


def pytest_configure() -> None:
    """Logs have plain tracebacks, as every process has them: to draw the locals of a web framework takes minutes."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, plain])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Real Kafka and Postgres in a home of their own, or the given ones; `stack.endpoints` says where they answer."""
    running = Stack(load_settings(home=tmp_path_factory.mktemp("trueup")))
    await running.start()
    yield running
    await running.stop()
