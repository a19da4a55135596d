"""Bills by the page: a conflict, a failure and a kill inside one, and two accounts of one family."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
import pytest_asyncio

from events.facts.bills import BillFact, BillIssued
from services.billing import issuing
from services.billing.issuing import Settled, append_page, issue_page, settle_page
from services.billing.run import BillRun
from services.billing.selection import BillRequest, FamilyToSettle, Selection
from services.postgres import Postgres, open_postgres
from services.readside.waiter import Waiter
from services.readside.watching import open_watcher
from services.run.up import System
from services.store.execute import organization_time
from services.store.streams import bills_of
from tests.billing.conftest import Shop, opened_shop
from tests.system.sharing import environment_at

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ACCOUNTS = 8
NOW = datetime(2026, 3, 1, tzinfo=UTC)
_TAKE = """
INSERT INTO store.events (organization, stream, version, route, partition, type, schema_version, time, data)
VALUES ($1, $2, 1, 'account', 0, 'BillIssued', 1, now(), '{}')
"""
_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'"


@dataclass
class Page:
    """A shop with numbered invoices and so few accounts that a run takes one page."""

    shop: Shop
    postgres: Postgres
    waiter: Waiter
    roots: list[str]

    async def run(self, through: date) -> list[BillFact]:
        """A bill run of its own."""

        async def clock(_: str) -> datetime:
            return await organization_time(self.postgres, self.shop.organization)

        run = BillRun(self.postgres, self.waiter, clock)
        request = BillRequest(self.shop.organization, through)
        return [fact async for page in run.run(request, Selection()) for fact in page]

    async def billed(self) -> Counter[tuple[str, str]]:
        """How many bills each account has of each date; their numbers follow each other without a gap."""
        bills = await self.shop.bills(pageSize=100)
        numbers = sorted(int(bill["sequentialInvoiceNumber"].removeprefix("INV-")) for bill in bills)
        assert numbers == list(range(1, 1 + len(bills)))
        return Counter((bill["accountId"], bill["billDate"]) for bill in bills)

    def once(self, *dates: str) -> Counter[tuple[str, str]]:
        """One bill of each account and date."""
        return Counter((root, day) for root in self.roots for day in dates)


@pytest_asyncio.fixture(loop_scope="session")
async def page(billing_system: System) -> AsyncIterator[Page]:
    shop = await opened_shop(billing_system, billPrefix="INV-")
    roots = [await shop.account(f"account-{number}") for number in range(ACCOUNTS)]
    url, cluster = billing_system.endpoints.database_url, billing_system.endpoints.kafka
    async with open_postgres(url) as postgres, open_watcher(url, cluster) as watcher:
        page = Page(shop, postgres, Waiter(watcher), sorted(roots))
        await page.waiter.until_projected()
        yield page


async def test_a_conflict_in_a_page_settles_that_family_again_and_no_other(page: Page) -> None:
    request = BillRequest(page.shop.organization, date(2026, 3, 1))
    stale = await settle_page(page.postgres, request, [FamilyToSettle(root) for root in page.roots])
    first, second, *others = page.roots
    await page.shop.bill("2026-01-31", accountIds=[first])  # what is left of it is due by our date
    await page.shop.bill("2026-02-28", accountIds=[second])  # nothing is
    pages = issue_page(page.postgres, page.waiter, request, stale, NOW)
    issued = [fact async for appended in pages for fact in appended]
    settled = {bill.account_id: bill for bill in issued if isinstance(bill, BillIssued)}
    assert settled.keys() == {first, *others} and len(issued) == ACCOUNTS - 1
    assert len(settled[first].lines) == 1 and all(len(settled[root].lines) == 2 for root in others)
    ours = {fact.bill_id for stale_bill in stale for fact in stale_bill.facts}
    assert settled[first].bill_id not in ours  # settled again, not appended again
    assert {settled[root].bill_id for root in others} <= ours
    assert await page.billed() == page.once("2026-03-01") + Counter([(first, "2026-02-01")])
    assert await page.run(date(2026, 3, 1)) == []
    report = await page.shop.audit()
    assert (report.difference, report.unexplained) == (None, 0)


async def test_a_run_killed_inside_a_page_leaves_nothing_of_it_and_the_next_bills_all_once(page: Page) -> None:
    async with _taken(page, page.roots[ACCOUNTS // 2]):
        killed = await _bill_process(page)
        async with asyncio.timeout(60):  # until it has appended some of the page and waits for the one that is taken
            while not await _waiting(page):
                assert killed.returncode is None
                await asyncio.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
        await killed.wait()
    assert await page.billed() == Counter()
    again = await _bill_process(page)
    assert await again.wait() == 0
    assert await page.billed() == page.once("2026-02-01")


async def test_a_family_that_fails_costs_no_other_of_its_page(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = page.roots[3]

    async def append(connection: Any, settled: Sequence[Settled], *rest: Any) -> Any:
        appended = await append_page(connection, settled, *rest)
        if broken in {family.root_id for family in settled}:
            raise ValueError("a bill that the store refuses")
        return appended

    monkeypatch.setattr(issuing, "append_page", append)
    with pytest.raises(ValueError, match="refuses"):
        await page.run(date(2026, 2, 1))
    expected = page.once("2026-02-01")
    del expected[broken, "2026-02-01"]
    assert await page.billed() == expected
    monkeypatch.undo()
    await page.run(date(2026, 2, 1))
    assert await page.billed() == page.once("2026-02-01")


async def test_two_accounts_of_one_family_in_one_page_are_billed_both(page: Page) -> None:
    parent = page.roots[0]
    child = await page.shop.account("child", planned=False, parentAccountId=parent)
    terms = {"planId": page.shop.plan, "startDate": "2026-01-01", "childBillingMode": "CHILD"}
    await page.shop.create("accountplans", accountId=child, **terms)
    job = await page.shop.bill("2026-01-31", accountIds=[parent, child])
    assert len(job["billIds"]) == 2
    assert await page.billed() == Counter([(parent, "2026-02-01"), (child, "2026-02-01")])


class _GivenUpError(Exception):
    """Rolls a transaction back."""


@asynccontextmanager
async def _taken(page: Page, root: str) -> AsyncIterator[None]:
    """Somebody else is about to append the first bill of a family, and never does."""
    with suppress(_GivenUpError):
        async with page.postgres.transaction() as connection:
            await connection.execute(_TAKE, page.shop.organization, bills_of(root))
            yield
            raise _GivenUpError


async def _waiting(page: Page) -> bool:
    async with page.postgres.connection() as connection:
        return bool(await connection.fetchval(_WAITS))


async def _bill_process(page: Page) -> asyncio.subprocess.Process:
    """`trueup bill` for January."""
    endpoints = page.shop.system.endpoints
    environment = os.environ | environment_at(endpoints)
    arguments = ("bill", "--date", "2026-02-01", "--organization", page.shop.organization)
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "services.run.cli", *arguments, env=environment)
