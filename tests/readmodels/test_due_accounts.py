"""Marks to rows of `due_accounts`: whom a price, a day or the organization's terms concern, as the directory tells."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from projections.readmodels import columns, directory, due
from projections.readmodels.directory import DirectoryRow
from services.readside.live import create_read_models, use_schema
from tests.store.kit import Store

pytestmark = pytest.mark.stack
ACCOUNTS = (
    DirectoryRow("monthly", 0, "org", "monthly", "UTC", plans="plan-a plan-b", billable=True),
    DirectoryRow("yearly", 0, "org", "yearly", "Asia/Tokyo", plans="plan-b", billable=True),
    DirectoryRow("nothing", 0, "org", "nothing", "UTC", plans="", billable=False),
    DirectoryRow("elsewhere", 1, "org", "elsewhere", "UTC", plans="plan-a", billable=True),
    DirectoryRow("stranger", 0, "other", "stranger", "UTC", plans="plan-a", billable=True),
)


@pytest_asyncio.fixture(loop_scope="session")
async def marked(store: Store) -> AsyncIterator[Any]:
    """A connection to read models that hold the accounts, and are gone afterwards."""
    schema = f"rm_test_{uuid4().hex[:8]}"
    async with store.postgres.transaction() as connection:
        await create_read_models(connection, schema)
        await use_schema(connection, schema)
        await connection.execute(directory.UPSERT, *columns(sorted(ACCOUNTS), directory.WIDTH))
        yield connection
        await connection.execute(f'DROP SCHEMA "{schema}" CASCADE')


async def due_now(connection: Any) -> dict[str, str]:
    """Why, by root."""
    return {row["root_id"]: row["reason"] for row in await connection.fetch("SELECT * FROM due_accounts")}


async def test_a_changed_price_concerns_whoever_has_had_its_plan(marked: Any) -> None:
    await marked.execute(due.MARK_PLANS, 0, "org", ["plan-a"])
    assert await due_now(marked) == {"monthly": "catalog"}


async def test_a_test_clock_concerns_everybody_with_terms(marked: Any) -> None:
    await marked.execute(due.MARK_ORGANIZATION, 0, "org", "clock")
    assert await due_now(marked) == {"monthly": "clock", "yearly": "clock"}


async def test_a_new_day_concerns_its_zone_but_not_who_lives_in_a_time_of_its_own(marked: Any) -> None:
    assert {row["timezone"] for row in await marked.fetch(due.ZONES, 0)} == {"UTC", "Asia/Tokyo"}
    await marked.execute(due.MARK_ZONES, 0, ["UTC"], ["other"])
    assert await due_now(marked) == {"monthly": "clock"}


async def test_who_failed_stays_due_and_who_is_settled_is_not(marked: Any) -> None:
    await marked.execute(due.MARK_ORGANIZATION, 0, "org", "clock")
    await marked.execute(due.MARK, ["monthly"], ["org"], [0], ["failed"], [0])
    await marked.execute(due.SETTLED, ["yearly"])
    assert await due_now(marked) == {"monthly": "failed"}
    assert [row["root_id"] for row in await marked.fetch(due.NEXT, [0], 10)] == ["monthly"]


async def _mark(connection: Any, reason: str, roots: dict[str, tuple[int, int]]) -> None:
    """Partition and offset by root."""
    rows = [(root, "org", partition, reason, offset) for root, (partition, offset) in roots.items()]
    await connection.execute(due.MARK, *columns(sorted(rows), due.MARK_WIDTH))


async def test_partitions_take_turns_and_in_each_the_longest_wait_is_first(marked: Any) -> None:
    """Though one of them is so short that all its offsets are small."""
    await _mark(marked, "catalog", {"a": (0, 3), "b": (0, 1), "c": (0, 2), "x": (1, 900), "y": (1, 800), "z": (2, 7)})

    async def next_roots(partitions: list[int], limit: int) -> list[str]:
        return [row["root_id"] for row in await marked.fetch(due.NEXT, partitions, limit)]

    assert await next_roots([0, 1], 10) == ["b", "y", "c", "x", "a"]
    assert await next_roots([0, 1, 2], 4) == ["b", "y", "z", "c"]
    assert await next_roots([1], 1) == ["y"]


async def test_whom_a_process_remembers_is_asked_for_only_once_another_takes_over(marked: Any) -> None:
    for reason in ("usage", "lines", "outlooks"):
        await _mark(marked, reason, {reason: (0, 1)})
    assert await marked.fetch(due.NEXT, [0], 10) == []
    await marked.execute(due.TAKE_OVER, [1])
    assert await marked.fetch(due.NEXT, [0], 10) == []
    await marked.execute(due.TAKE_OVER, [0])
    assert {row["root_id"] for row in await marked.fetch(due.NEXT, [0], 10)} == {"usage", "lines", "outlooks"}
