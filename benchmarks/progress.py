"""How far usage was projected at which moment, and so how fast any part of it was."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from benchmarks.waiting import NotFinishedError

LOOK_SECONDS = 0.25
_PROJECTED = "SELECT coalesce(sum(records), 0)::bigint FROM usage_totals"


@dataclass(slots=True)
class Progress:
    """How far usage was projected at which moment."""

    seen: list[tuple[float, int]] = field(default_factory=list)

    async def look(self, connection: Any, events: int) -> None:
        """Until all of it is."""
        while not self.seen or self.seen[-1][1] < events:
            self.seen.append((time.monotonic(), await connection.fetchval(_PROJECTED)))
            await asyncio.sleep(LOOK_SECONDS)

    def per_second(self, first: float, last: float) -> float:
        """Events a second between two numbers of events."""
        return (last - first) / (self._moment(last) - self._moment(first))

    def _moment(self, events: float) -> float:
        """When so many were projected, by a straight line between two looks."""
        for (before, fewer), (after, more) in pairwise(self.seen):
            if more > fewer and fewer <= events <= more:
                return before + (after - before) * (events - fewer) / (more - fewer)
        raise NotFinishedError("the history", 0, f"{self.seen[-1][1]} events")


@asynccontextmanager
async def looking(connection: Any, events: int) -> AsyncIterator[Progress]:
    """Look while the block lasts, and then until so many are projected. The connection is one that nobody else uses."""
    progress = Progress()
    task = asyncio.create_task(progress.look(connection, events))
    try:
        yield progress
        await task
    finally:
        task.cancel()
