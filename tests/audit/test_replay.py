"""Replay swaps in equal tables while reads go on; an audit passes on what is true and names what is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from typing import Any

import pytest

from services.audit.audit import audit
from services.audit.report import Report
from services.postgres import Connection, Role, connected
from services.postgres.locks import Lock
from services.projection.replay import replay
from services.projection.schemas import drop_leftovers
from services.readside.family_now import load_family
from services.readside.live import live_schema
from tests.audit.billing import a_quarter, bill_of, execute
from tests.projector.conftest import Place
from tests.projector.driving import everything, project
from tests.projector.log import Log, days, id_of

pytestmark = pytest.mark.stack


async def _story(place: Place, log: Log) -> None:
    """Usage of a quarter in two accounts, a bill in between, late usage after it, then a second bill."""
    a_quarter(log)
    await log.append(place.cluster)
    await project(place)
    for partition, name in enumerate(("acme", "bolt")):
        bill = await bill_of(place, log, name, date(2026, 2, 1))
        log.usage(name, "m", days(1)[0], partition, tokens=1000)
        log.command(bill, partition=partition, account=log.id(name))
    await log.append(place.cluster)
    await project(place)
    log.command(await bill_of(place, log, "acme", date(2026, 3, 1)), partition=0, account=log.id("acme"))
    log.aggregation("largest", "m", "MAX")
    await log.append(place.cluster)
    await project(place)


async def _audit(place: Place) -> Report:
    return await audit(place.postgres, place.cluster)


async def _is_free(place: Place) -> bool:
    """Whether whoever comes next may work on schemas at once."""
    async with place.postgres.connection() as connection:
        return not await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE objid = $1 AND granted", Lock.READ_MODELS
        )


async def test_the_audit_of_an_undisturbed_system_explains_every_cent(place: Place) -> None:
    log = Log("story", 2, generation="story")
    await _story(place, log)
    report = await _audit(place)
    assert report.passed, report.difference
    assert report.last_line().endswith("2 accounts, 3 bills, live == replay, unexplained 0.00")


async def test_a_corrupted_row_is_named(place: Place) -> None:
    assert await execute(place, "UPDATE usage_totals SET total = total + 1 WHERE day = '2026-01-05'") != "UPDATE 0"
    report = await _audit(place)
    assert not report.passed and "usage_totals of account_id" in str(report.difference)
    assert "live != replay" in report.last_line()
    await execute(place, "UPDATE usage_totals SET total = total - 1 WHERE day = '2026-01-05'")
    assert (await _audit(place)).passed


async def test_a_corrupted_bill_is_named_and_its_money_is_unexplained(place: Place) -> None:
    where = "bill_id = (SELECT min(bill_id) FROM bills) AND number = 1"
    await execute(place, f"UPDATE bill_line_items SET amount = amount + 0.01 WHERE {where}")
    report = await _audit(place)
    assert "bill_line_items of root_id" in str(report.difference)
    assert report.last_line().endswith("live != replay, unexplained 0.01")
    await execute(place, f"UPDATE bill_line_items SET amount = amount - 0.01 WHERE {where}")


async def test_a_replay_gives_equal_tables_and_reads_go_on(place: Place) -> None:
    before = await everything(place)
    seen: list[Any] = []
    done = asyncio.Event()

    async def read() -> None:
        while not done.is_set():
            loaded = await load_family(place.postgres, "story", id_of("story acme"))
            seen.append(loaded.positions)
            await asyncio.sleep(0.01)

    reader = asyncio.create_task(read())
    replayed = await replay(place.postgres, place.cluster)
    done.set()
    await reader
    assert replayed.replaced != replayed.schema
    async with place.postgres.connection() as connection:
        assert await live_schema(connection) == replayed.schema
        left = await connection.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rm%'")
    assert [row["nspname"] for row in left] == [replayed.schema]
    assert await everything(place) == before and len(set(seen)) == 1
    assert (await _audit(place)).passed


async def test_whoever_reads_replaced_tables_for_long_holds_nobody_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.projection.replay.GRACE_SECONDS", 0.1)
    async with connected(place.endpoints.database_url) as reader:
        async with reader.transaction():
            before = await live_schema(reader)
            await reader.fetch(f"SELECT FROM {before}.facts")
            async with asyncio.timeout(30):
                replayed = await replay(place.postgres, place.cluster)
                await drop_leftovers(place.postgres)
            await reader.fetch(f"SELECT FROM {before}.facts")
        await drop_leftovers(place.postgres)
        left = await reader.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rm%'")
    assert replayed.replaced == before and [row["nspname"] for row in left] == [replayed.schema]


async def test_who_is_done_lets_the_next_one_in_however_late_its_connection_is_closed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as open_still:

        @asynccontextmanager
        async def closed_late(url: str, role: Role | None) -> AsyncIterator[Connection]:
            yield await open_still.enter_async_context(connected(url, role))

        monkeypatch.setattr("services.postgres.pool.connected", closed_late)
        assert (await _audit(place)).difference is None and await _is_free(place)
        await replay(place.postgres, place.cluster)
        assert await _is_free(place)
        await execute(place, "CREATE SCHEMA rm_0")
        await drop_leftovers(place.postgres)
        assert await _is_free(place)
