"""Bill jobs of organizations go side by side: none stands behind another's, however long that is or waits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.billing import run, runner, selection
from services.billing.approving import AutoApprover
from services.billing.jobs import BILL_JOBS, BillJob, create_job
from services.billing.runner import BillRunner
from services.billing.selection import FamilyToSettle
from services.jobs.locks import JobLocks
from services.kafka import Cluster
from services.postgres import Postgres
from services.postgres.locks import Lock
from services.readside.waiter import Waiter
from services.readside.watching import open_watcher
from tests.store.kit import Store

pytestmark = pytest.mark.stack
NOW = datetime(2026, 2, 1, tzinfo=UTC)


class Yard:
    """Two organizations with jobs, and the order in which their pages are settled."""

    def __init__(self, store: Store) -> None:
        self.store, self.long, self.short = store, store.organization, f"short-{uuid4().hex[:8]}"
        self.pages: list[str] = []
        self.held = asyncio.Event()
        self.runner: BillRunner | None = None

    async def open(self, accounts: int) -> None:
        other = Store(self.store.endpoints, self.store.postgres, self.store.generations, self.short)
        await other.configure()
        await other.account()
        for _ in range(accounts):
            await self.store.account()

    async def job(self, organization: str) -> BillJob:
        async with self.store.postgres.connection() as connection:
            job = await create_job(connection, organization, str(uuid4()), {}, date(2026, 2, 1), NOW)
        if self.runner is not None:
            self.runner.wake()
        return job

    async def status(self, job: BillJob) -> str:
        async with self.store.postgres.connection() as connection:
            job_read = await BILL_JOBS.get(connection, job.organization, job.id)
        assert job_read is not None
        return job_read.status

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(30):
            while not await holds():
                await asyncio.sleep(0.02)

    async def becomes(self, job: BillJob, status: str) -> None:
        async def holds() -> bool:
            return await self.status(job) == status

        await self.until(holds)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The runner of an API's process."""
        async with open_watcher(self.store.endpoints.database_url, Cluster("nowhere:1")) as watcher:
            self.runner = BillRunner(self.store.postgres, self.store.postgres, watcher)
            running = asyncio.create_task(self.runner.run())
            try:
                yield
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def yard(store: Store, monkeypatch: pytest.MonkeyPatch) -> Yard:
    """Nothing is waited for, and a page is an account."""

    async def at_once(_: Waiter) -> None:
        pass

    monkeypatch.setattr(Waiter, "until_projected", at_once)
    monkeypatch.setattr(Waiter, "until_commands_projected", at_once)
    monkeypatch.setattr(selection, "PAGE", 1)
    return Yard(store)


async def test_a_job_ends_while_another_organizations_long_one_runs(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def settle_page(_: Any, request: Any, targets: Sequence[FamilyToSettle]) -> list[Any]:
        if request.organization == yard.long:
            await yard.held.wait()
        return []

    monkeypatch.setattr(run, "settle_page", settle_page)
    await yard.open(accounts=1)
    async with yard.running():
        long = await yard.job(yard.long)
        await yard.becomes(long, "RUNNING")
        short = await yard.job(yard.short)
        await yard.becomes(short, "COMPLETE")
        assert await yard.status(long) == "RUNNING"
        yard.held.set()
        await yard.becomes(long, "COMPLETE")


async def test_organizations_take_turns_page_by_page(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """One page at a time: the short job has its only one after a few of the long one's, not after all."""

    async def settle_page(_: Any, request: Any, targets: Sequence[FamilyToSettle]) -> list[Any]:
        await asyncio.sleep(0.03)
        yard.pages.append(request.organization)
        return []

    monkeypatch.setattr(run, "settle_page", settle_page)
    monkeypatch.setattr(runner, "PAGES_AT_ONCE", 1)
    await yard.open(accounts=20)
    async with yard.running():
        long = await yard.job(yard.long)
        await yard.becomes(long, "RUNNING")
        short = await yard.job(yard.short)
        await yard.becomes(short, "COMPLETE")
        assert await yard.status(long) == "RUNNING"
        await yard.becomes(long, "COMPLETE")
    assert yard.pages.count(yard.long) == 20 and yard.pages.count(yard.short) == 1


async def test_a_job_that_waits_for_the_projection_is_in_nobodys_way(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = [yard.held]

    async def until_projected(_: Waiter) -> None:
        if waiting:
            await waiting.pop().wait()

    monkeypatch.setattr(Waiter, "until_projected", until_projected)
    monkeypatch.setattr(runner, "PAGES_AT_ONCE", 1)
    await yard.open(accounts=1)
    async with yard.running():
        long = await yard.job(yard.long)
        await yard.becomes(long, "INITIALIZING")
        await yard.becomes(await yard.job(yard.short), "COMPLETE")
        assert await yard.status(long) == "INITIALIZING"
        yard.held.set()
        await yard.becomes(long, "COMPLETE")


async def test_jobs_of_one_organization_go_one_after_the_other(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    async def settle_page(*_: Any) -> list[Any]:
        await yard.held.wait()
        return []

    monkeypatch.setattr(run, "settle_page", settle_page)
    await yard.open(accounts=1)
    async with yard.running():
        first, second = await yard.job(yard.long), await yard.job(yard.long)
        await yard.becomes(first, "RUNNING")
        await asyncio.sleep(0.2)
        assert await yard.status(second) == "PENDING"
        yard.held.set()
        await yard.becomes(second, "COMPLETE")
        assert await yard.status(first) == "COMPLETE"


async def test_a_waiting_job_holds_no_connection_of_the_pool(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    async def until_projected(_: Waiter) -> None:
        await yard.held.wait()

    monkeypatch.setattr(Waiter, "until_projected", until_projected)
    await yard.open(accounts=1)
    async with yard.running():
        await yard.becomes(await yard.job(yard.long), "INITIALIZING")
        assert _held(yard.store.postgres) == 0


async def test_approvals_of_one_organization_hold_up_no_other(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[str] = []

    async def organizations(_: AutoApprover) -> list[str]:
        return [yard.long, yard.short]

    async def approve_due(_: AutoApprover, organization: str) -> int:
        queries.append(organization)
        if organization == yard.long:
            await yard.held.wait()
        return 0

    monkeypatch.setattr(AutoApprover, "organizations", organizations)
    monkeypatch.setattr(AutoApprover, "approve_due", approve_due)
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.05)

    async def again_and_again() -> bool:
        return queries.count(yard.short) >= 3

    async with yard.running():
        await yard.until(again_and_again)
    assert queries.count(yard.long) == 1


async def test_a_job_that_another_process_carries_out_is_left_to_it(yard: Yard) -> None:
    await yard.open(accounts=1)
    job = await yard.job(yard.long)
    locks = JobLocks(yard.store.endpoints.database_url, Lock.BILL_JOB)
    async with locks.holding(job.sequence) as held:
        assert held
        async with yard.running():
            await yard.becomes(await yard.job(yard.short), "COMPLETE")
            assert await yard.status(job) == "PENDING"
    async with yard.running():
        await yard.becomes(job, "COMPLETE")
    locks.close()


def _held(postgres: Postgres) -> int:
    """Connections of the pool that somebody has now."""
    return postgres._turns._taken.total()
