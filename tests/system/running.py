"""All services, as tests/forked.py runs them; ended with the block whatever fails in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.run.settings import Settings
from services.run.stack import Endpoints, Stack
from services.run.stack.supervise import Supervisor
from services.run.up import System
from tests.forked import ForkedChild, prepare
from tests.system.sharing import installation


@asynccontextmanager
async def running_system(settings: Settings) -> AsyncIterator[tuple[Stack, System]]:
    """A stack of its own in `settings.home` and what runs on it, migrated and ready."""
    stack = Stack(settings)
    try:
        async with _running(settings, await stack.start()) as system:
            yield stack, system
    finally:
        await stack.stop()


@asynccontextmanager
async def system_on(stack: Stack, settings: Settings) -> AsyncIterator[System]:
    """An installation on a stack that others use, too; in `settings.home` it has its keys and logs."""
    endpoints = await installation(stack.endpoints)
    told = settings.model_copy(update={"kafka_topic_prefix": endpoints.kafka.prefix})
    async with _running(told, endpoints) as system:
        yield system


@asynccontextmanager
async def _running(settings: Settings, endpoints: Endpoints) -> AsyncIterator[System]:
    await prepare()
    system = System(settings, endpoints, settings.home, quiet=True, supervisor=Supervisor(ForkedChild))
    try:
        await system.migrate()
        await system.start()
        yield system
    finally:
        await system.supervisor.stop_all()
