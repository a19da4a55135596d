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
