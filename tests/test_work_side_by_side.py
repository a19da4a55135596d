"""Organizations are seen to side by side: a flood, a failure or an outage of one is in no other's way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import structlog

from events.codec import NewerRecordError
from services import side_by_side
from services.postgres import PostgresUnreachableError
from services.side_by_side import SideBySide


@asynccontextmanager
async def running(work: SideBySide) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(work.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


async def test_one_that_has_much_to_do_is_passed_by_one_that_has_little() -> None:
    done = list[str]()

    async def work(organization: str) -> bool:
        done.append(organization)
        return organization == "flooded" and len(done) < 50

    both = SideBySide("not_done", 1, work)
    both.ask(["flooded", "quick"])
    async with running(both):
        await until(lambda: len(done) == 50)
    assert done[:3] == ["flooded", "quick", "flooded"]


async def test_one_that_hangs_holds_up_no_other_and_is_begun_once() -> None:
    done, ended = list[str](), asyncio.Event()

    async def work(organization: str) -> bool:
        done.append(organization)
        if organization == "slow":
            await ended.wait()
        return False

    both = SideBySide("not_done", 2, work)
    async with running(both):
        for count in range(1, 4):
            both.ask(["slow", "quick"])
            await until(lambda: done.count("quick") == count)  # noqa: B023
        assert done.count("slow") == 1
        ended.set()
        await until(lambda: done.count("slow") == 2)  # it was asked for meanwhile: once more, from the beginning
        await asyncio.sleep(0)
    assert done.count("slow") == 2


async def test_who_is_asked_for_amid_its_parts_begins_once_more_when_they_are_done() -> None:
    parts, done = [True, False, False, False], list[int]()
    work: SideBySide

    async def part(organization: str) -> bool:
        done.append(len(parts))
        if len(done) == 2:
            work.ask([organization])
        return parts.pop(0)

    work = SideBySide("not_done", 1, part)
    work.ask(["one"])
    async with running(work):
        await until(lambda: len(done) == 3)
        await asyncio.sleep(0.01)
    assert parts == [False]


async def test_a_failure_costs_its_organization_a_rest_and_nobody_else_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(side_by_side, "REST_SECONDS", 0.05)
    done = list[str]()

    async def work(organization: str) -> bool:
        done.append(organization)
        if organization == "broken" and done.count("broken") < 3:
            raise AssertionError("a law does not hold")
        return False

    both = SideBySide("not_done", 1, work)
    async with running(both) as task:
        with structlog.testing.capture_logs() as said:
            both.ask(["broken", "good"])
            await until(lambda: done == ["broken", "good"])
            both.ask(["broken", "good"])
            await until(lambda: done == ["broken", "good", "good"])  # it rests, whoever asks for it
            await until(lambda: done.count("broken") == 3)  # and is tried again, though nobody asks any more
        assert not task.done()
    assert [(line["event"], line["log_level"], line["organization"]) for line in said] == [
        ("not_done", "error", "broken")
    ] * 2
    assert all(line["exc_info"] for line in said)


async def test_what_passes_is_waited_out_and_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.outage.BACKOFF_S", (0.0,))
    done = list[str]()

    async def work(organization: str) -> bool:
        done.append(organization)
        if len(done) < 4:
            raise PostgresUnreachableError("postgresql://there/db", OSError("refused"))
        return False

    one = SideBySide("not_done", 1, work)
    one.ask(["one"])
    with structlog.testing.capture_logs() as said:
        async with running(one):
            await until(lambda: len(done) == 4)
            await until(lambda: len(said) == 2)
    assert [line["event"] for line in said] == ["not_done", "not_done_over"]


async def test_what_only_a_newer_process_understands_is_waited_out_and_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.outage.BACKOFF_S", (0.0,))
    done = list[str]()

    async def work(organization: str) -> bool:
        done.append(organization)
        if len(done) < 3:
            raise NewerRecordError("unknown fact type")
        return False

    one = SideBySide("not_done", 1, work)
    one.ask(["one"])
    with structlog.testing.capture_logs() as said:
        async with running(one):
            await until(lambda: len(done) == 3)
            await until(lambda: len(said) == 2)
    assert [line["log_level"] for line in said] == ["warning", "info"]


async def test_a_bug_of_its_own_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def see_to(_: SideBySide, __: str) -> None:
        raise AssertionError("a bug")

    async def work(_: str) -> bool:
        return False

    monkeypatch.setattr(SideBySide, "_see_to", see_to)
    one: SideBySide = SideBySide("not_done", 1, work)
    one.ask(["one"])
    with pytest.raises(AssertionError, match="a bug"):
        async with asyncio.timeout(10):
            await one.run()
