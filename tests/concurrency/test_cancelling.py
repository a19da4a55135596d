"""A cancellation is heard, also where a library loses it."""

import asyncio
import contextlib

import pytest

from services import concurrency
from services.concurrency import cancel_all, heed_cancellation, run_together, unless_set
from services.kafka import Cluster
from services.run import up
from services.run.settings import Settings, load_settings
from services.run.stack import Endpoints, probe
from services.run.stack.supervise import Keeper, keep_all
from services.run.up import System
from tests.whereabouts import everybodys, lines_of


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "TOLD_AGAIN_SECONDS", 0.05)


async def closed_by_a_library() -> None:
    """As aiokafka closes its client: a cancellation that comes meanwhile is taken for that of the inner task."""
    inner = asyncio.ensure_future(asyncio.sleep(0.02))
    with contextlib.suppress(asyncio.CancelledError):
        await inner


async def test_it_is_told_where_a_task_waits() -> None:
    async def waits_inside() -> None:
        await asyncio.sleep(100)

    async def waits() -> None:
        await waits_inside()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    outer, inner, sleep, future = lines_of(task)
    assert outer.endswith(" waits") and inner.endswith(" waits_inside") and sleep.endswith(" sleep")
    assert "FutureIter" in future and task.get_name() in everybodys()
    await cancel_all([task])


async def test_who_loses_a_cancellation_is_told_again() -> None:
    closed = 0

    async def work() -> None:
        nonlocal closed
        while True:
            await closed_by_a_library()
            closed += 1
            await asyncio.sleep(10)

    async def failing() -> None:
        await asyncio.sleep(0.01)
        raise ValueError

    tasks = [asyncio.create_task(work()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cancel_all(tasks)
    assert closed == 1
    assert all(task.cancelled() for task in tasks)
    await cancel_all(tasks)


async def test_what_runs_together_is_told_again_however_deep_it_stands() -> None:
    async def lose_it_once() -> None:
        await closed_by_a_library()
        await asyncio.sleep(100)

    async def inner() -> None:
        await run_together(lose_it_once(), asyncio.sleep(100))

    running = asyncio.create_task(run_together(inner(), inner()))
    await asyncio.sleep(0.01)  # inside of what loses it
    async with asyncio.timeout(5):
        await cancel_all([running])
    assert running.cancelled()


async def test_the_first_that_fails_ends_what_runs_together() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append("work")

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await run_together(work(), fail(), asyncio.sleep(0))
    assert ended == ["work"]


async def test_work_is_done_unless_an_event_comes_first_and_then_it_has_ended() -> None:
    stop, ended = asyncio.Event(), list[str]()

    async def work(seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
            return "done"
        finally:
            ended.append("ended")

    assert await unless_set(stop, work(0)) == "done"
    asyncio.get_running_loop().call_soon(stop.set)
    assert await unless_set(stop, work(60)) is None
    assert ended == ["ended", "ended"]


async def test_a_cancellation_that_was_lost_is_heeded() -> None:
    async def work() -> None:
        await closed_by_a_library()
        heed_cancellation()
        await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
    heed_cancellation()  # nobody cancelled this one


class Slow:
    """What is started again, and ready only when its probe has closed its client."""

    name = "slow"

    def __init__(self) -> None:
        self.starting = asyncio.Event()
        self._ended = 0

    async def start(self) -> None:
        self.starting.set()
        await closed_by_a_library()

    async def ended(self) -> str:
        self._ended += 1
        if self._ended > 1:
            await asyncio.sleep(100)
        return "slow ended"


async def test_what_is_just_starting_again_is_given_up_when_all_are() -> None:
    slow = Slow()
    keeping = asyncio.create_task(keep_all([Keeper(slow)]))
    await slow.starting.wait()
    keeping.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await keeping


async def test_a_probe_that_is_cancelled_while_it_closes_its_client_has_not_found_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closing = asyncio.Event()

    class Client:
        def __init__(self, *_: object, **__: object) -> None: ...

        async def bootstrap(self) -> None: ...

        async def fetch_all_metadata(self) -> "Client":
            return self

        def brokers(self) -> list[int]:
            return [1]

        async def close(self) -> None:
            closing.set()
            await closed_by_a_library()

    async def enter(*_: object) -> None: ...

    monkeypatch.setattr(probe, "enter", enter)
    monkeypatch.setattr(probe, "new_client", Client)
    asking = asyncio.create_task(probe.kafka_answers(Cluster("127.0.0.1:1"), 5))
    await closing.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


class Servers:
    """Stands for the stack: it is there at once."""

    processes = ()

    def __init__(self, _: Settings) -> None: ...

    async def start(self) -> Endpoints:
        return Endpoints(Cluster("127.0.0.1:1"), "postgresql://nobody@127.0.0.1:1/none")

    async def stop(self) -> None: ...


async def test_a_system_that_is_asked_to_stop_while_it_starts_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    migrating, ran = asyncio.Event(), False

    async def migrate(_: System) -> None:
        migrating.set()
        await closed_by_a_library()

    async def start(_: System) -> None: ...

    async def run() -> None:
        nonlocal ran
        async with up.running_system(load_settings()):
            ran = True

    monkeypatch.setattr(up, "Stack", Servers)
    monkeypatch.setattr(System, "migrate", migrate)
    monkeypatch.setattr(System, "start", start)
    running = asyncio.create_task(run())
    await migrating.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not ran
