"""What the runner of all jobs promises, whatever a job is: whose turn it is, what interrupts, and what ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.failures import Passing
from services.jobs import runner
from services.jobs.locks import JobLocks
from services.jobs.runner import JobRunner
from services.jobs.table import Job, JobTable
from services.postgres import Postgres
from services.postgres.locks import Lock

NOW = datetime(2026, 2, 1, tzinfo=UTC)


class Shop:
    """Open jobs of organizations, and what was made of them: stands for their table, and for who carries them out."""

    lock = Lock.EXPORT_JOB
    url = "postgresql://nowhere"

    def __init__(self, *organizations: str) -> None:
        self.jobs = [
            Job(organization, f"{organization}-{number}", number, 1, "PENDING", {}, NOW, NOW, None)
            for number, organization in enumerate(organizations)
        ]
        self.begun, self.asked, self.looks = list[str](), list[int](), 0
        #: When jobs may end; what one raises, once, by its id, or its lock, by its number; what another process has.
        self.free, self.errors, self.foreign = asyncio.Event(), dict[str | int, Exception](), set[int]()
        #: Organizations whose jobs are interrupted each time.
        self.stalled = set[str]()

    async def open(self, _: Any) -> list[Job]:
        self.looks += 1
        return sorted(self.jobs, key=lambda job: job.organization)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def holding(self, sequence: int) -> AsyncIterator[bool]:
        self.asked.append(sequence)
        if error := self.errors.pop(sequence, None):
            raise error
        yield sequence not in self.foreign

    async def carry_out(self, job: Job) -> None:
        self.begun.append(job.id)
        if error := self.errors.pop(job.id, None):
            raise error
        if job.organization in self.stalled:
            raise Passing("projections stand still")
        await self.free.wait()
        self.jobs.remove(job)

    def runner(self, at_once: int) -> JobRunner[Job]:
        table, every = cast("JobTable[Job]", self), cast("Postgres", self)
        return JobRunner(table, every, self.carry_out, "export", at_once)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for but what is told."""
    monkeypatch.setattr(runner, "LOOK_SECONDS", 60.0)
    monkeypatch.setattr("services.outage.BACKOFF_S", (0.0,))


@asynccontextmanager
async def running(shop: Shop, at_once: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["asyncio.Task[None]"]:
    monkeypatch.setattr(JobLocks, "holding", lambda _, sequence: shop.holding(sequence))
    task = asyncio.create_task(shop.runner(at_once).run())
    try:
        await settled()
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled() -> None:
    """All that needs no time is done."""
    for _ in range(100):
        await asyncio.sleep(0)


async def test_so_many_organizations_at_once_and_the_jobs_of_each_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop("a", "b", "c", "a")
    async with running(shop, 2, monkeypatch):
        assert shop.begun == ["a-0", "b-1"]
        shop.free.set()
        await settled()
        assert not shop.jobs and shop.begun.index("a-3") > 1 and sorted(shop.begun) == ["a-0", "a-3", "b-1", "c-2"]


async def test_what_passes_interrupts_one_organization_and_its_jobs_are_taken_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop("a", "a", "b")
    shop.free.set()
    shop.errors["a-0"] = Passing("away")
    async with running(shop, 2, monkeypatch):
        assert shop.begun == ["a-0", "b-2", "a-0", "a-1"] and not shop.jobs


async def test_a_job_whose_lock_could_not_be_taken_is_taken_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop("a")
    shop.free.set()
    shop.errors[0] = Passing("the session of the locks is lost")
    async with running(shop, 2, monkeypatch):
        assert (shop.begun, shop.looks) == (["a-0"], 3)


async def test_there_is_no_hurry_about_what_another_process_has(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop("a", "a")
    shop.foreign |= {0, 1}
    async with running(shop, 2, monkeypatch):
        assert (shop.begun, shop.looks) == ([], 1)


async def test_what_other_processes_have_takes_no_place_here(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop("a", "b", "c", "d")
    shop.foreign |= {0, 1}
    async with running(shop, 2, monkeypatch):
        assert (shop.begun, shop.looks) == (["c-2", "d-3"], 1)


async def test_a_new_job_is_taken_up_though_another_process_has_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop("a")
    shop.foreign.add(0)
    monkeypatch.setattr(JobRunner, "_pause", lambda _: 0.0)  # as if it were woken again and again
    async with running(shop, 2, monkeypatch):
        assert shop.looks > 3 and shop.asked == [0], "what another process has is left alone for a while"
        shop.jobs.append(replace(shop.jobs[0], id="a-1", sequence=1))
        await settled()
        assert shop.begun == ["a-1"] and shop.asked == [0, 1]


async def test_whose_jobs_are_interrupted_again_and_again_come_behind_all_who_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Shop("a", "b", "c", "d")
    shop.stalled |= {"a", "b"}
    async with running(shop, 2, monkeypatch):
        assert sorted(shop.begun[:4]) == ["a-0", "b-1", "c-2", "d-3"], "nobody is asked twice before all were once"
        assert shop.begun.count("c-2") == shop.begun.count("d-3") == 1
        shop.free.set()
        shop.stalled.clear()
        await settled()
        assert not shop.jobs


async def test_who_was_interrupted_is_not_passed_by_those_who_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop("b", "a")
    shop.errors["a-1"] = Passing("away")
    async with running(shop, 1, monkeypatch):
        assert shop.begun == ["a-1", "b-0"]
        shop.jobs.append(replace(shop.jobs[0], organization="0", id="0-2", sequence=2))
        shop.free.set()
        await settled()
        assert shop.begun == ["a-1", "b-0", "a-1", "0-2"]


async def test_a_pause_after_an_interruption_is_kept_and_keeps_nobodys_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.outage.BACKOFF_S", (60.0,))
    shop = Shop("a", "b")
    shop.stalled.add("a")
    async with running(shop, 1, monkeypatch):
        assert shop.begun == ["a-0", "b-1"]
        shop.free.set()
        await settled()
        assert shop.begun == ["a-0", "b-1"] and [job.id for job in shop.jobs] == ["a-0"]


async def test_a_bug_ends_the_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop("a", "b")
    shop.errors["b-1"] = AssertionError("a bug")
    async with running(shop, 2, monkeypatch) as task:
        with pytest.raises(AssertionError, match="a bug"):
            async with asyncio.timeout(30):
                await task
