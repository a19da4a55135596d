"""What all tests share: one running stack and a store on it. A test with topics or tables of its own names them."""

import gc
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import structlog
from hypothesis import settings

from services.migrate.migrate import migrate
from services.postgres import open_postgres
from services.run.settings import load_settings
from services.run.stack import Stack
from services.run.stack.postgres import SETTINGS, EmbeddedPostgres
from services.run.up import System
from tests.api_client import TOKEN_SECRET
from tests.side_by_side import ByUnit, Endings, rank_of
from tests.store.kit import Store
from tests.system.running import running_system

# Where the environment forbids to write bytecode, each of the hundred processes that tests start would compile all
# that it imports: more than half of what such a start takes.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# What is imported and collected lives to the end. Nothing of it is garbage, and all of it would be looked through again
# and again: a seventh of what it takes to collect the suite, and a fifth of what the laws take.
gc.disable()

# How long an example takes tells how much else the machine does. A developer's run looks at other examples each time.
# The project's own check, which judges a change, looks at the same ones: what chance finds is not this change's fault.
settings.register_profile("suite", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("suite")

# A test may ask as often as it likes. Those of the limit itself say what it is.
os.environ.setdefault("TRUEUP_API_RATE", "0")
# Of every process that tests start, and of the apps that they make.
os.environ["TRUEUP_TOKEN_SECRET"] = TOKEN_SECRET


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    items.sort(key=lambda item: rank_of(item.nodeid))


def pytest_collection_finish() -> None:
    """From here on garbage is collected, of what the tests make."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByUnit:
    """With `-n`, tests that share a system stay together."""
    return ByUnit(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In one line, whatever else is told: how many tests wanted a browser that is not there."""
    skipped = terminalreporter.stats.get("skipped", [])
    if count := sum("no Chromium" in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(f"{count} tests in a browser did not run: `apt-get install chromium`, or Chrome")


def pytest_configure(config: pytest.Config) -> None:
    """Servers end when nobody uses them any more. Logs have plain tracebacks, as every process has them: to draw the
    locals of a web framework takes minutes.
    """
    config.pluginmanager.register(Endings())
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, plain])


@pytest.fixture(scope="session", autouse=True)
def _cheaper_postgres(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One cluster of each worker is made, all others are copies; and none has to outlive the machine, only itself."""
    EmbeddedPostgres.kept = tmp_path_factory.getbasetemp() / "postgres"
    EmbeddedPostgres.server_settings = {**SETTINGS, "fsync": "off"}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Real Kafka and Postgres in a home of their own, or the given ones; `stack.endpoints` says where they answer."""
    running = Stack(load_settings(home=tmp_path_factory.mktemp("trueup")))
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def opened(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    """The migrated store of the stack."""
    generations = await migrate(load_settings(home=tmp_path_factory.mktemp("opened")), stack.endpoints)
    async with open_postgres(stack.endpoints.database_url) as postgres:
        yield Store(stack.endpoints, postgres, generations)


@pytest_asyncio.fixture(loop_scope="session")
async def store(opened: Store) -> Store:
    """The same with a fresh organization, which is configured."""
    fresh = Store(opened.endpoints, opened.postgres, opened.generations)
    await fresh.configure()
    return fresh


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def common_system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A whole system of two partitions, for folders whose tests keep to organizations of their own and mend what they
    break; who else runs there looks at what they have left, too."""
    settings = load_settings(
        home=tmp_path_factory.mktemp("system"),
        partitions=2,
        worker_session_ms=6000,
        api_port=0,
        # Receivers of webhooks are here, too.
        webhook_allow_networks="127.0.0.0/8",
        webhook_allow_http=True,
    )
    async with running_system(settings) as (_, system):
        yield system
