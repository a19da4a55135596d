"""Partitions of one projector that are written apart, in any order, are what they are written together."""

from datetime import UTC, datetime
from functools import partial
from random import Random

import pytest

from events.sources import Origins
from events.topics import EVENTS
from services.kafka import LogReader, Polled
from services.projection.projection import Projection
from services.projection.schemas import LiveTarget
from services.readside.family_cache import FamilyCache
from tests.projector.conftest import GENERATIONS, Installation
from tests.projector.driving import empty, everything, project
from tests.projector.log import Log, days

ORIGINS = Origins(frozenset(GENERATIONS))
pytestmark = pytest.mark.stack


@pytest.mark.parametrize("seed", range(3))
async def test_partitions_written_in_any_order_give_what_they_give_together(
    installation: Installation, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an aggregation, its price and a new day that come meanwhile, and no room for families that are written."""
    monkeypatch.setattr("services.projection.projection.FamilyCache", partial(FamilyCache, max_families=1))
    chance, accounts = Random(seed), ["a", "b", "c", "d"]
    log = Log(f"apart-{seed}", 2, generation=f"apart-{seed}")
    log.catalog()
    for number, account in enumerate(accounts):
        log.account(account, number % 2, prepaid="100")
    await log.append(installation.cluster)
    async with LogReader(installation.cluster) as reader, LogReader(installation.cluster) as ahead:
        projection = Projection(LiveTarget(installation.postgres), reader, ORIGINS)
        await projection.load([0, 1])
        for step in range(4):
            if step == 1:
                log.aggregation("late", "m")
                log.price("late", "0.02")
            if step == 2:
                log.tick(datetime(2026, 3, 20, tzinfo=UTC))
            for ts in days(5):
                for number, account in enumerate(accounts):
                    log.usage(account, "m", ts, number % 2, repeat=True, tokens=chance.randrange(100))
            await log.append(installation.cluster)
            await _fold_in_turns(projection, ahead, chance)
        while await projection.write():
            pass
    piecemeal = await everything(installation)
    await empty(installation)
    await project(installation)
    assert await everything(installation) == piecemeal
    mine = [row for row in piecemeal["usage_totals"] if row["aggregation_id"] == log.id("late")]
    assert sum(row["records"] for row in mine) == 4 * 5 * len(accounts)


async def _fold_in_turns(projection: Projection, log: LogReader, chance: Random) -> None:
    """Polls of either partition, and writes of one, the other or both between them."""
    ends = await log.end_offsets(EVENTS, [0, 1])
    while left := [
        partition for partition in (0, 1) if projection.partitions[partition].position.next_offset < ends[partition]
    ]:
        partition = chance.choice(left)
        start = projection.partitions[partition].position.next_offset
        until = min(ends[partition], start + chance.randint(1, 9))
        async for records in log.read(EVENTS, partition, start, until):
            await projection.fold({partition: Polled(records, records[-1].offset + 1)})
        if chance.random() < 0.5:
            await projection.write(quiet=False, only=chance.choice([[0], [1], [0, 1]]))
