"""Work that is asked to end."""

import asyncio

import pytest

from services import concurrency
from services.concurrency import soon_after


@pytest.mark.parametrize("seconds", [0.02, 30.0])
async def test_who_is_asked_to_end_has_a_moment_for_what_it_has_begun(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(concurrency, "FINISH_SECONDS", 0.2)
    stop, done = asyncio.Event(), list[str]()

    async def work() -> None:
        try:
            await stop.wait()
            await asyncio.sleep(seconds)
            done.append("finished")
        finally:
            done.append("ended")

    asyncio.get_running_loop().call_later(0.05, stop.set)
    async with asyncio.timeout(5):
        await soon_after(stop, work())
    assert done == (["finished", "ended"] if seconds < 1 else ["ended"])


async def test_what_fails_before_it_is_asked_to_end_is_told() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await soon_after(asyncio.Event(), work())


async def test_who_runs_work_until_a_stop_and_is_cancelled_ends_with_it() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    running = asyncio.create_task(soon_after(asyncio.Event(), work()))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()
