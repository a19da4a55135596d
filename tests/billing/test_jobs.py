"""Bill jobs: progress, cancel, a killed API, several at once; invoice numbers without gaps through all of it."""

import asyncio
from collections import Counter
from datetime import date
from typing import Any

import pytest
import pytest_asyncio

from events.facts.bills import BillIssued
from services.billing import selection
from services.billing.run import BillRun
from services.billing.selection import BillRequest, Selection
from services.postgres import open_postgres
from services.readside.waiter import Waiter
from services.readside.watching import open_watcher
from services.run.up import System
from services.store.execute import organization_time
from tests.billing.conftest import Shop, opened_shop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ACCOUNTS = 256


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowd(billing_system: System) -> Shop:
    """An organization with many accounts and numbered invoices, so that a job takes several pages."""
    found = await opened_shop(billing_system, billPrefix="INV-", sequenceStartNumber=100)
    for start in range(0, ACCOUNTS, 8):
        await asyncio.gather(*(found.account(f"account-{number}") for number in range(start, start + 8)))
    return found


async def begun(shop: Shop, job: dict[str, Any]) -> dict[str, Any]:
    """Wait until the job has settled some families, but not all."""
    async with asyncio.timeout(60):
        while not job["total"] or job["pending"] == job["total"]:
            job = await shop.do("GET", f"billjobs/{job['id']}")
    return job


async def numbers(shop: Shop) -> list[int]:
    """The invoice numbers of all bills that stand, and a check that no account has two bills of one date."""
    found, token = [], None
    await shop.bills(pageSize=1)
    while True:
        page = await shop.do("GET", "bills", excludeLineItems="true", **({"nextToken": token} if token else {}))
        found += page["data"]
        if (token := page.get("nextToken")) is None:
            break
    twice = Counter((bill["accountId"], bill["billDate"]) for bill in found)
    assert max(twice.values()) == 1
    return sorted(int(bill["sequentialInvoiceNumber"].removeprefix("INV-")) for bill in found)


async def test_a_cancelled_job_ends_in_mid_run_and_the_next_bills_the_rest(crowd: Shop) -> None:
    job = await begun(crowd, await crowd.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"}))
    cancelled = await crowd.do("POST", f"billjobs/{job['id']}/cancel")
    assert cancelled["status"] == "CANCELLED"
    assert (await crowd.do("POST", f"billjobs/{job['id']}/cancel"))["status"] == "CANCELLED"
    rest = await crowd.bill("2026-01-31")
    assert (rest["total"], rest["pending"]) == (ACCOUNTS, 0)
    async with asyncio.timeout(60):  # the families that the cancelled job was at are noted when they are done
        while len({*cancelled["billIds"], *rest["billIds"]}) < ACCOUNTS:
            await asyncio.sleep(0.1)
            cancelled = await crowd.do("GET", f"billjobs/{job['id']}")
    assert 0 < len(cancelled["billIds"]) < ACCOUNTS
    assert cancelled["status"] == "CANCELLED"
    assert len(cancelled["billIds"]) + len(rest["billIds"]) == ACCOUNTS
    assert await numbers(crowd) == list(range(101, 101 + ACCOUNTS))


async def test_a_job_goes_on_after_a_killed_api_and_leaves_no_gap_in_the_numbers(crowd: Shop) -> None:
    before = await numbers(crowd)
    job = await begun(crowd, await crowd.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-02-28"}))
    await crowd.system.supervisor.kill("api")
    await crowd.system.start(("api",))
    done = await crowd.done(job)
    assert len(set(done["billIds"])) == len(done["billIds"]) == ACCOUNTS
    after = await numbers(crowd)
    assert len(after) == len(before) + ACCOUNTS
    assert after == list(range(101, 101 + len(after)))


async def test_runs_at_once_never_bill_twice(crowd: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await numbers(crowd)
    begins = iter("08")  # by chance as a rule, so that both find something to bill
    monkeypatch.setattr(selection, "first_root", lambda: next(begins))
    endpoints = crowd.system.endpoints
    url, cluster = endpoints.database_url, endpoints.kafka
    async with open_postgres(url) as postgres, open_watcher(url, cluster) as watcher:

        async def run() -> int:
            bills = BillRun(postgres, Waiter(watcher), lambda asked: organization_time(postgres, asked))
            request = BillRequest(crowd.organization, date(2026, 4, 1))
            return sum(
                [sum(isinstance(fact, BillIssued) for fact in page) async for page in bills.run(request, Selection())]
            )

        issued = await asyncio.gather(run(), run())
    assert sum(issued) == ACCOUNTS and 0 < issued[0] < ACCOUNTS
    assert await numbers(crowd) == list(range(101, 101 + len(before) + ACCOUNTS))


async def test_the_eleventh_running_job_is_refused(shop: Shop) -> None:
    await shop.system.supervisor.stop("projector")
    try:
        await shop.account("acme")  # not projected, so every job waits for it
        jobs = [await shop.ask("POST", "billjobs", {}, key=f"job-{number}") for number in range(10)]
        assert {job.status_code for job in jobs} == {200}
        assert "10 bill jobs" in await shop.refused(429, "POST", "billjobs", {})
        again = await shop.ask("POST", "billjobs", {}, key="job-3")
        assert again.json() == jobs[3].json()
        await shop.do("POST", f"billjobs/{jobs[0].json()['id']}/cancel")
        eleventh = await shop.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"})
    finally:
        await shop.system.start(("projector",))
    await shop.done(eleventh)
    listed = (await shop.do("GET", "billjobs"))["data"]
    assert [job["status"] for job in listed] == ["COMPLETE"] * 10 + ["CANCELLED"]
    assert sum(len(job["billIds"]) for job in listed) == 1


async def test_due_dates_are_the_accounts_else_the_organizations_else_the_jobs(shop: Shop) -> None:
    own = await shop.account("own", daysBeforeBillDue=7)
    other = await shop.account("other")
    await shop.bill("2026-01-31")
    due = {bill["accountId"]: bill["dueDate"] for bill in await shop.bills()}
    assert due == {own: "2026-02-08", other: "2026-03-03"}
    job = await shop.bill("2026-02-28", accountIds=[own], dueDate="2026-03-02")
    assert (await shop.do("GET", f"bills/{job['billIds'][0]}"))["dueDate"] == "2026-03-02"


async def test_a_bill_without_lines_is_not_issued(shop: Shop) -> None:
    await shop.account("idle", planned=False)
    job = await shop.bill("2026-01-31")
    assert (job["total"], job["pending"], job["billIds"]) == (1, 0, [])
    assert await shop.bills() == []
