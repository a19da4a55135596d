"""Partitions that another worker takes over, and what the one before has left."""

from collections.abc import Iterable

import pytest

from events.sources import Origins
from services.kafka import KafkaUnreachableError, LogReader
from services.projection import turns
from services.projection.projection import Projection
from services.projection.schemas import LiveTarget
from services.projection.write import LeaseLostError
from services.projector.handler import ProjectorHandler
from tests.projector.conftest import GENERATIONS, Installation
from tests.projector.driving import empty, everything, fold_all, project, rows
from tests.projector.log import Log, days, id_of

ORIGINS = Origins(frozenset(GENERATIONS))
pytestmark = pytest.mark.stack


async def test_a_zombie_writes_nothing_and_its_successor_goes_on(installation: Installation) -> None:
    log = Log("zombie", 2, generation="zombie")
    log.catalog()
    log.account("z", prepaid="100")
    await log.append(installation.cluster)
    await project(installation)
    for ts in days(5):
        log.usage("z", "m", ts, tokens=100)
    await log.append(installation.cluster)
    before = await everything(installation)
    async with LogReader(installation.cluster) as reader:
        zombie = Projection(LiveTarget(installation.postgres), reader, ORIGINS)
        await zombie.load([0, 1])
        await fold_all(zombie, reader)
        successor = Projection(LiveTarget(installation.postgres), reader, ORIGINS)
        await successor.load([0])
        with pytest.raises(LeaseLostError) as lost:
            await zombie.write()
        assert lost.value.partitions == [0] and await everything(installation) == before
        await fold_all(successor, reader)
        await successor.write()
    totals = await rows(installation, "usage_totals", f"account_id = '{id_of('zombie z')}'")
    assert sum(row["total"] for row in totals) == 500


async def test_who_cannot_reach_kafka_takes_no_lease(installation: Installation) -> None:
    class Away(LogReader):
        async def end_offsets(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
            raise KafkaUnreachableError(self.cluster, TimeoutError("it is away"))

    await project(installation)
    before = await rows(installation, "positions")
    async with Away(installation.cluster) as away:
        with pytest.raises(KafkaUnreachableError):
            await ProjectorHandler(installation.postgres, away, ORIGINS).assigned([0, 1])
    assert await rows(installation, "positions") == before
    async with LogReader(installation.cluster) as reader:
        await ProjectorHandler(installation.postgres, reader, ORIGINS).assigned([0, 1])
    assert await rows(installation, "positions") != before


@pytest.mark.parametrize("time_for_balances", [True, False])
async def test_who_ends_between_balances_and_lines_leaves_both_to_a_successor(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, time_for_balances: bool
) -> None:
    """Also if there was time for the balances of a part of the families only."""
    name = f"between-{time_for_balances}"
    log = Log(name, 2, generation=name)
    log.catalog()
    customers = [f"c{number}" for number in range(6)]
    for customer in customers:
        log.account(customer, prepaid="100")
    await log.append(installation.cluster)
    await project(installation)
    for customer in customers:
        for ts in days(5):
            log.usage(customer, "m", ts, tokens=100)
    await log.append(installation.cluster)
    if not time_for_balances:
        monkeypatch.setattr(turns, "TOUCHED_SECONDS", 0.0)
    async with LogReader(installation.cluster) as reader:
        ended = Projection(LiveTarget(installation.postgres), reader, ORIGINS)
        await ended.load([0, 1])
        await fold_all(ended, reader)
        assert await ended.write(quiet=False) == (len(customers) if time_for_balances else 1)
    due = {row["reason"] for row in await rows(installation, "due_accounts", f"organization = '{name}'")}
    assert due == ({"lines"} if time_for_balances else {"lines", "usage"})
    accrued = f"account_id IN (SELECT account_id FROM account_directory WHERE organization = '{name}')"
    lines = await rows(installation, "accrued_lines", accrued)
    await project(installation)
    assert not await rows(installation, "due_accounts", f"organization = '{name}'")
    assert await rows(installation, "accrued_lines", accrued) != lines
    healed = await everything(installation)
    await empty(installation)
    await project(installation)
    assert await everything(installation) == healed
