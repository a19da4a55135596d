"""All services on a stack of their own, ended with the block whatever fails in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.run.settings import Settings
from services.run.stack import Stack
from services.run.up import System


@asynccontextmanager
async def running_system(settings: Settings) -> AsyncIterator[tuple[Stack, System]]:
    """The stack in `settings.home` and what runs on it, migrated and ready."""
    stack = Stack(settings)
    try:
        system = System(settings, await stack.start(), settings.home, quiet=True)
        try:
            await system.migrate()
            await system.start()
            yield stack, system
        finally:
            await system.supervisor.stop_all()
    finally:
        await stack.stop()
