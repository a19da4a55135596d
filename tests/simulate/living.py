"""A system that runs, for tests that play stories through HTTP and Kafka."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.run.up import System
from services.simulate.live_player import LiveSystem
from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import Played, play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import load_yaml


@dataclass(frozen=True)
class Live:
    """A system that runs, and the connections of players to it."""

    system: System
    players: LiveSystem

    async def played(self, work: Callable[[], Any]) -> Any:
        """Do blocking work while all services run; one that ends by itself fails the test by its name."""
        return await self.system.while_all_run(asyncio.to_thread(work))


async def alike(live: Live, text: str) -> list[Played]:
    """The story as it is played in memory, after every step was seen to be the same live, refusals to the letter."""
    story = parse_story(load_yaml(text))
    lived = await live.played(lambda: play(story, live.players.player()))
    remembered = play(story, MemoryPlayer())
    for one, other in zip(lived, remembered, strict=True):
        assert (one.result, one.differences, one.unpriced) == (other.result, other.differences, other.unpriced)
        assert one.notes == other.notes
    return remembered
