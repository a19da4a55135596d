"""The keeper ends when it is told to, also by a client that loses what it was told."""

import asyncio
from contextlib import suppress

import pytest

from services.kafka import Cluster, KafkaUnreachableError
from services.refusals.keeper import RefusalKeeper
from services.refusals.refused_usage import ListedElsewhereError


class Losing(RefusalKeeper):
    """A keeper whose client takes a cancellation for one of its own, and then ends as it may."""

    def __init__(self, ends: Exception | None) -> None:
        super().__init__(None, Cluster("nowhere:1"), 1)  # type: ignore[arg-type]
        self.ends, self.begun = ends, asyncio.Event()

    async def catch_up(self) -> None:
        self.begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        if self.ends is not None:
            raise self.ends


@pytest.mark.parametrize(
    "ends", [None, ListedElsewhereError(partition=0), KafkaUnreachableError(Cluster("nowhere:1"), OSError("away"))]
)
async def test_a_cancellation_that_a_client_has_lost_is_heeded(ends: Exception | None) -> None:
    keeper = Losing(ends)
    running = asyncio.create_task(keeper.run())
    keeper.wake()
    await keeper.begun.wait()
    running.cancel()
    await asyncio.wait((running,), timeout=5)
    assert running.cancelled()
