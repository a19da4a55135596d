"""Adjustments of counters are listed by their day and in both orders, by m3ter's own client."""

from typing import Any

import m3ter
import pytest
import pytest_asyncio
from m3ter import AsyncM3ter

from tests.store.kit import Store

pytestmark = pytest.mark.stack

DAYS = ("2026-01-01", "2026-02-01", "2026-03-01")


@pytest_asyncio.fixture(loop_scope="session")
async def adjusted(store: Store) -> tuple[str, str]:
    """An account, and a counter that it has more of on each of DAYS."""
    account, counter = await store.account(), await store.create("counter", name="Seats", unit="seat")
    for value, day in enumerate(DAYS):
        await store.create("counterAdjustment", accountId=account, counterId=counter, date=day, value=value)
    return account, counter


async def days(sdk: AsyncM3ter, **query: Any) -> list[str]:
    return [str(counter_adjustment.date) async for counter_adjustment in sdk.counter_adjustments.list(**query)]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"date": DAYS[1]}, DAYS[1:2]),
        ({"date_start": DAYS[1]}, DAYS[1:]),
        ({"date_end": DAYS[1]}, DAYS[:1]),
        ({"end_date_start": DAYS[1]}, DAYS[1:]),
        ({"end_date_end": DAYS[1]}, DAYS[:1]),
        ({"date_start": DAYS[0], "end_date_end": DAYS[2]}, DAYS[:2]),
        ({"date_start": DAYS[2], "date_end": DAYS[2]}, ()),
    ],
    ids=str,
)
async def test_a_range_of_days(
    sdk: AsyncM3ter, adjusted: tuple[str, str], asked: dict[str, str], found: tuple[str, ...]
) -> None:
    account, counter = adjusted
    assert await days(sdk, account_id=account, counter_id=counter, **asked) == list(found)[::-1]


async def test_both_orders_page_by_page(sdk: AsyncM3ter, adjusted: tuple[str, str]) -> None:
    assert await days(sdk, page_size=1, sort_order="ASC") == list(DAYS)
    assert await days(sdk, page_size=1, sort_order="DESC") == list(DAYS)[::-1]
    page = await sdk.counter_adjustments.list(page_size=1)
    assert page.next_token is not None
    with pytest.raises(m3ter.BadRequestError, match="nextToken: must be a token from an earlier page"):
        await sdk.counter_adjustments.list(page_size=1, sort_order="ASC", next_token=page.next_token)
