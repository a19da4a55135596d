"""When the live projector writes while records keep coming, and what it leaves for when none do."""

from collections.abc import Collection, Mapping
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from services.kafka import Polled
from services.projector import handler as handling
from services.projector import write_pace
from services.projector.handler import IDLE_S, ProjectorHandler
from services.projector.write_pace import FRESH_S, MAX_SECONDS, QUIET_S
from tests.projector.clock import Clock


class Folding:
    """A projection that only counts: a record a poll, draws and lines that follow once it is quiet."""

    turns = SimpleNamespace(aside_seconds=0.0, left_over_seconds=0.0, settle_seconds=0.0)
    catalog = SimpleNamespace(stopped=None)

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.unwritten_records: dict[int, int] = {}
        self.is_behind = self.has_more_due = False
        #: When it wrote, and whether in quiet.
        self.writes: list[tuple[float, bool]] = []
        #: Which partitions each of them took; None: all there are.
        self.written: list[list[int] | None] = []
        #: What a record takes to write.
        self.seconds = 0.0

    async def fold(self, polled: Mapping[int, Polled]) -> None:
        for partition in polled:
            self.unwritten_records[partition] = self.unwritten_records.get(partition, 0) + 1

    @property
    def unwritten_work(self) -> dict[int, int]:
        return dict(self.unwritten_records)

    async def write(self, *, quiet: bool, only: Collection[int] | None) -> int:
        self.writes.append((self.clock.now, quiet))
        chosen = list(self.unwritten_records) if only is None else list(only)
        self.written.append(None if only is None else chosen)
        self.clock.now += self.seconds * sum(self.unwritten_records.pop(partition) for partition in chosen)
        self.is_behind = not quiet
        return 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(write_pace, "time", made)
    monkeypatch.setattr(handling, "time", made)
    return made


@pytest.fixture
def handler(clock: Clock) -> ProjectorHandler:
    made = ProjectorHandler(None, None, None)  # type: ignore[arg-type]
    made.projection = Folding(clock)  # type: ignore[assignment]
    return made


A_RECORD: Any = {0: Polled((), 1)}


async def test_a_steady_load_is_written_as_freshness_asks_and_nothing_else_is_done_between(
    handler: ProjectorHandler, clock: Clock
) -> None:
    folding, begun = handler.projection, clock.now
    assert isinstance(folding, Folding)
    while clock.now < begun + 2:
        await handler.poll(A_RECORD)
        await handler.poll({})  # a fetch that brought nothing
        clock.now += 0.004
    assert len(folding.writes) == pytest.approx(2 / FRESH_S, abs=5)
    assert not any(quiet for _, quiet in folding.writes)


async def test_what_is_behind_follows_as_soon_as_nothing_comes(handler: ProjectorHandler, clock: Clock) -> None:
    folding = handler.projection
    assert isinstance(folding, Folding)
    clock.now += 1
    wait = await handler.poll(A_RECORD)
    assert folding.writes == [(clock.now, False)] and wait == QUIET_S
    clock.now += wait + 0.001
    assert await handler.poll({}) == IDLE_S
    assert folding.writes[1:] == [(clock.now, True)]
    assert folding.written[1:] == [None], "also what the catalog alone gives to write"


async def test_who_is_due_is_not_kept_waiting(handler: ProjectorHandler, clock: Clock) -> None:
    folding = handler.projection
    assert isinstance(folding, Folding)
    clock.now += 1
    await handler.poll(A_RECORD)
    folding.has_more_due = True
    assert await handler.poll({}) == 0.0
    assert len(folding.writes) == 2


async def test_what_takes_long_to_write_is_written_by_turns_and_no_partition_waits_longer_than_a_round(
    handler: ProjectorHandler, clock: Clock
) -> None:
    folding, begun = handler.projection, clock.now
    assert isinstance(folding, Folding)
    folding.seconds = 0.02
    everywhere: Any = {partition: Polled((), 1) for partition in range(8)}
    written: dict[int, list[float]] = {partition: [] for partition in everywhere}
    while clock.now < begun + 60:
        before = len(folding.writes)
        await handler.poll(everywhere)
        if len(folding.writes) > before:
            for partition in folding.written[-1] or ():
                written[partition].append(clock.now)
        clock.now += 0.05
    assert {len(chosen or everywhere) for chosen in folding.written[10:]} <= set(range(1, 8))
    waits = [after - before for moments in written.values() for before, after in pairwise(moments[3:])]
    assert max(waits) < 1.5 * sum(waits) / len(waits)


async def test_in_a_flood_no_partition_waits_longer_than_the_limit(
    handler: ProjectorHandler, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write leaves rating and folding its time; a round of many writes is no reason to wait so often."""
    monkeypatch.setattr(write_pace, "FLOOD_RECORDS", -1)
    folding, begun = handler.projection, clock.now
    assert isinstance(folding, Folding)
    folding.seconds = 0.0008
    everywhere: Any = {partition: Polled((), 1) for partition in range(8)}
    written = dict.fromkeys(everywhere, begun)
    longest = 0.0
    while clock.now < begun + 60:
        before = len(folding.writes)
        await handler.poll(everywhere)
        if len(folding.writes) > before:
            for partition in folding.written[-1] or everywhere:
                longest, written[partition] = max(longest, clock.now - written[partition]), clock.now
        clock.now += 0.02
    assert MAX_SECONDS / 2 < longest < 1.25 * MAX_SECONDS
