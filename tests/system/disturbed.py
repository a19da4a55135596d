"""A system of its own that is disturbed in mid-load, and what the same load leaves undisturbed."""

import asyncio
from collections.abc import Awaitable, Callable

from services.run.stack import Stack
from services.run.up import System
from tests.system.story import ERASABLE, Left, Wire, left_by, play, settled

PARTITIONS = 4
SESSION_MS = 6_000
#: What a process may take to end that is asked to.
END_SECONDS = 5.0
SERVICES = ("relay", "ingest", "projector", "api")


class Disturbed:
    """A system of its own on a stack of its own, and what the undisturbed load left in it."""

    def __init__(self, stack: Stack, system: System) -> None:
        self.stack, self.system = stack, system
        self.undisturbed: Left = {}

    async def played(self, organization: str, between: Callable[[int], Awaitable[None]]) -> Left:
        wire = Wire(lambda: self.system.addresses.api_url, organization)
        await play(wire, self.system.endpoints.kafka, PARTITIONS, between, **ERASABLE)
        await settled(self.system.endpoints)
        return await left_by(self.system.endpoints.database_url, wire)

    async def revive(self, name: str) -> None:
        """kill -9, a moment of absence, start again."""
        await self.system.supervisor.kill(name)
        await asyncio.sleep(0.3)
        await self.system.start((name,))


async def nothing(_: int) -> None:
    """The undisturbed run."""
