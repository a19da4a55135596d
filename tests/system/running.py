"""All services, as tests/forked.py runs them, on a stack of their own; ended with the block whatever fails in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.run.settings import Settings
from services.run.stack import Stack
from services.run.stack.supervise import Supervisor
from services.run.up import System
from tests.forked import ForkedChild, prepare


@asynccontextmanager
async def running_system(settings: Settings) -> AsyncIterator[tuple[Stack, System]]:
    """The stack in `settings.home` and what runs on it, migrated and ready."""
    stack = Stack(settings)
    try:
        await prepare()
        supervisor = Supervisor(ForkedChild)
        system = System(settings, await stack.start(), settings.home, quiet=True, supervisor=supervisor)
        try:
            await system.migrate()
            await system.start()
            yield stack, system
        finally:
            await system.supervisor.stop_all()
    finally:
        await stack.stop()
