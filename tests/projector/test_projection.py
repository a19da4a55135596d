"""Usage, prices and prepayments through the real log into the tables, whatever the order of arrival."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from events.sources import Origins
from events.topics import EVENTS
from projections.settlement import Settlement
from services.kafka import LogReader, Polled
from services.projection import settling
from services.projection.projection import Projection
from services.projection.schemas import LiveTarget
from services.projection.unwritten import PartitionState
from services.readside.family_state import FamilyState
from services.store.generations import GenerationsMovedError, load_generations
from tests.projector.conftest import GENERATIONS, Installation
from tests.projector.driving import empty, everything, project, rows
from tests.projector.log import Log, days, id_of

ORIGINS = Origins(frozenset(GENERATIONS))
pytestmark = pytest.mark.stack


async def test_usage_draws_on_a_prepayment_and_every_table_says_so(installation: Installation) -> None:
    log = Log("first", 2)
    log.catalog()
    log.account("acme", prepaid="100")
    log.tick(datetime(2026, 1, 20, tzinfo=UTC))
    for ts in days(10):
        log.usage("acme", "m", ts, tokens=500)
    log.read()
    await log.append(installation.cluster)
    await project(installation)
    totals = await rows(installation, "usage_totals", f"account_id = '{id_of('first acme')}'")
    assert len(totals) == 10 and sum(row["total"] for row in totals) == 5000
    [balance] = await rows(installation, "commitment_balances", "organization = 'first'")
    assert (balance["amount"], balance["spent"], balance["remaining"]) == (100, 50, 50)
    assert balance["status"] == "ACTIVE"
    lines = {row["type"]: row["amount"] for row in await rows(installation, "accrued_lines", "organization = 'first'")}
    assert lines == {"USAGE": Decimal("50.00"), "COMMITMENT_CONSUMED": Decimal("-50.00")}
    assert not await rows(installation, "due_accounts")


async def _story(log: Log, count: int = 60) -> None:
    log.catalog()
    log.aggregation("users", "m", "UNIQUE", "user")
    log.aggregation("largest", "m", "MAX")
    log.aggregation("last", "m", "LATEST")
    log.account("acme", 0, prepaid="20", zone="America/New_York")
    log.account("bolt", 1, prepaid="7.5")
    log.tick(datetime(2026, 3, 20, tzinfo=UTC))
    for n, ts in enumerate(days(count)):
        log.usage("acme", "m", ts + timedelta(hours=n % 20), 0, repeat=n % 7 == 0, tokens=n * 10)
        log.usage("bolt", "m", ts - timedelta(hours=n % 11), 1, tokens=f"{n}.5")
    log.read(0)
    log.read(1)


async def test_polls_cut_anywhere_and_records_appended_twice_change_nothing(installation: Installation) -> None:
    log = Log("cuts", 2, generation="cuts")
    await _story(log)
    await log.append(installation.cluster)
    await project(installation, cut=7)
    piecemeal = await everything(installation)
    await empty(installation)
    await project(installation)
    assert await everything(installation) == piecemeal
    assert (
        sum(row["records"] for row in piecemeal["usage_totals"] if row["aggregation_id"] == id_of("cuts tokens")) == 120
    )


async def test_an_aggregation_that_comes_late_counts_all_usage_since_the_beginning(installation: Installation) -> None:
    log = Log("late", 2, generation="late")
    log.catalog(meter="late m", aggregation=None)
    log.account("late", prepaid="100")
    log.tick(datetime(2026, 3, 20, tzinfo=UTC))
    for ts in days(30):
        log.usage("late", "late m", ts, repeat=True, tokens=100)
    await log.append(installation.cluster)
    await project(installation)
    assert not await rows(installation, "usage_totals", f"account_id = '{id_of('late late')}'")
    log.aggregation("tokens", "late m")
    log.price("tokens", "0.02")
    await log.append(installation.cluster)
    await project(installation)
    totals = await rows(installation, "usage_totals", f"account_id = '{id_of('late late')}'")
    assert sum(row["total"] for row in totals) == 3000
    [balance] = await rows(installation, "commitment_balances", "organization = 'late'")
    assert balance["spent"] == Decimal("60.00")
    late = await everything(installation)
    await empty(installation)
    await project(installation)
    assert await everything(installation) == late


async def test_what_comes_under_a_name_that_was_given_meanwhile_is_taken_for_no_strangers(
    installation: Installation,
) -> None:
    async with installation.postgres.connection() as connection:
        before = (await load_generations(connection)).origins
        await connection.execute("INSERT INTO store.past_generations VALUES ('test', 'given')")
        given = (await load_generations(connection)).origins
    ours, strange = Log("given", 2, generation="given"), Log("given", 2, generation="never given")
    ours.catalog()
    ours.account("acme", prepaid="100")
    ours.tick(datetime(2026, 1, 20, tzinfo=UTC))
    for ts in days(3):
        ours.usage("acme", "m", ts, tokens=500)
        strange.usage("acme", "m", ts, tokens=500)
    await ours.append(installation.cluster)
    async with LogReader(installation.cluster) as reader, LogReader(installation.cluster) as log:
        partition = 0
        [end] = (await log.end_offsets(EVENTS, [partition])).values()

        async def folded(origins: Origins) -> Projection:
            projection = Projection(LiveTarget(installation.postgres), reader, origins)
            await projection.load([partition])
            start = projection.partitions[partition].position.next_offset
            async for records in log.read(EVENTS, partition, start, end):
                await projection.fold({partition: Polled(records, records[-1].offset + 1)})
            return projection

        with pytest.raises(GenerationsMovedError):
            await (await folded(before)).write()
        assert not await rows(installation, "usage_totals", f"account_id = '{id_of('given acme')}'")
        await (await folded(given)).write()
        assert len(await rows(installation, "usage_totals", f"account_id = '{id_of('given acme')}'")) == 3
        await strange.append(installation.cluster)
        [end] = (await log.end_offsets(EVENTS, [partition])).values()
        await (await folded(given)).write()
    found = await rows(installation, "foreign_records", f"partition = {partition}")
    assert sum("never given" in row["why"] for row in found) == 3
    assert len(await rows(installation, "usage_totals", f"account_id = '{id_of('given acme')}'")) == 3


async def test_a_day_that_begins_settles_again_whoever_has_terms(installation: Installation) -> None:
    log = Log("days", 2, generation="days")
    log.catalog()
    log.account("d")
    log.commitment("d", "100", endDate="2026-06-01")
    log.tick(datetime(2026, 4, 1, tzinfo=UTC))
    await log.append(installation.cluster)
    await project(installation)
    log.tick(datetime(2026, 6, 2, tzinfo=UTC))
    await log.append(installation.cluster)
    await project(installation)
    [balance] = await rows(installation, "commitment_balances", "organization = 'days'")
    assert (balance["remaining"], balance["status"], str(balance["as_of"])) == (0, "ENDED", "2026-06-02")
    assert not await rows(installation, "due_accounts")


async def test_a_tick_counts_no_further_than_its_own_append(installation: Installation) -> None:
    log = Log("ahead", 2, generation="ahead")
    log.catalog()
    log.account("a")
    log.commitment("a", "100", endDate="2199-01-01")
    log.tick(datetime(2199, 6, 1, tzinfo=UTC))
    await log.append(installation.cluster)
    before = datetime.now(UTC)
    await project(installation)
    [balance] = await rows(installation, "commitment_balances", "organization = 'ahead'")
    assert balance["status"] == "ACTIVE"
    assert before.date() <= balance["as_of"] <= (before + timedelta(minutes=30)).date()


async def test_an_account_that_cannot_be_settled_stops_nobody_else(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log("broken", 2, generation="broken")
    log.catalog()
    log.account("good", prepaid="100")
    log.account("bad", prepaid="100")
    log.tick(datetime(2028, 1, 1, tzinfo=UTC))
    for name in ("good", "bad"):
        log.usage(name, "m", days(1)[0], tokens=100)
    await log.append(installation.cluster)
    true_settle = settling.Settler._settle

    def settle(self: settling.Settler, family: FamilyState, state: PartitionState) -> Settlement:
        if family.root_id == log.id("bad"):
            raise ZeroDivisionError
        return true_settle(self, family, state)

    with monkeypatch.context() as patched:
        patched.setattr(settling.Settler, "_settle", settle)
        await project(installation)
        assert [row["root_id"] for row in await rows(installation, "due_accounts")] == [log.id("bad")]
        [balance] = await rows(installation, "commitment_balances", "organization = 'broken'")
        assert balance["commitment_id"] == log.id("good prepaid")
    await project(installation)
    assert not await rows(installation, "due_accounts")
    assert len(await rows(installation, "commitment_balances", "organization = 'broken'")) == 2
