"""What ends by itself is started again, with growing pauses; what cannot start is named, the others left alone."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog

from services.run.stack import StackError
from services.run.stack.child import Command, log_tail
from services.run.stack.supervise import CannotStart, Keeper, Patience, Supervisor, keep_all

QUICK = Patience(pauses=(0.01, 0.2, 0.4), healthy_seconds=1.0, failed_starts=3)


READY = ["sh", "-c", "echo ready; exec sleep 100"]


class Sleeper:
    """A real process: ready when it says so. `argv` may be changed between its starts."""

    def __init__(self, supervisor: Supervisor, name: str, folder: Path) -> None:
        self.name, self._supervisor, self._log = name, supervisor, folder / f"{name}.log"
        self.argv = READY
        self.starts: list[float] = []

    async def start(self) -> None:
        self.starts.append(asyncio.get_running_loop().time())
        self._log.unlink(missing_ok=True)
        self._supervisor.start(Command(self.name, self.argv, log=self._log))
        while "ready" not in self._log.read_text():
            if self.name not in self._supervisor.running():
                raise StackError(await self.ended())
            await asyncio.sleep(0.01)

    async def ended(self) -> str:
        status = await self._supervisor.wait(self.name)
        return f"{self.name} ended by itself with status {status}{log_tail(self._log)}"

    async def killed(self, said: list[Any]) -> None:
        """By somebody else, and started again by whoever keeps it, who says both."""
        before = len(said)
        await self._supervisor.kill(self.name)
        await until(lambda: len(said) == before + 2)


def happened(said: Sequence[Mapping[str, Any]], event: str, times: int) -> bool:
    return [line["event"] for line in said].count(event) == times


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture(loop_scope="session")
async def supervisor() -> AsyncIterator[Supervisor]:
    made = Supervisor()
    yield made
    await made.stop_all()


async def test_what_is_killed_runs_again_and_the_others_run_on(supervisor: Supervisor, tmp_path: Path) -> None:
    sleeper, other = Sleeper(supervisor, "relay", tmp_path), Sleeper(supervisor, "api", tmp_path)
    await sleeper.start()
    await other.start()
    keeping = asyncio.ensure_future(keep_all([Keeper(sleeper, patience=QUICK), Keeper(other, patience=QUICK)]))
    with structlog.testing.capture_logs() as said:
        await sleeper.killed(said)
    assert [(line["event"], line["name"]) for line in said] == [
        ("process_ended", "relay"),
        ("process_runs_again", "relay"),
    ]
    assert "status 137" in said[0]["how"]
    assert len(other.starts) == 1
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


async def test_the_pause_grows_and_is_short_again_after_a_healthy_while(supervisor: Supervisor, tmp_path: Path) -> None:
    sleeper = Sleeper(supervisor, "ingest", tmp_path)
    await sleeper.start()
    keeping = asyncio.ensure_future(Keeper(sleeper, patience=QUICK).keep())
    with structlog.testing.capture_logs() as said:
        for _ in range(4):
            await sleeper.killed(said)
        await asyncio.sleep(1.2)
        await sleeper.killed(said)
    pauses = [line["again_in_seconds"] for line in said if line["event"] == "process_ended"]
    assert pauses == [0.01, 0.2, 0.4, 0.4, 0.01]
    gaps = [after - before for before, after in zip(sleeper.starts[1:4], sleeper.starts[2:5], strict=True)]
    assert all(gap >= pause for gap, pause in zip(gaps, (0.2, 0.4, 0.4), strict=True))
    keeping.cancel()


async def test_what_cannot_start_any_more_is_named_with_its_status_and_the_end_of_its_log(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    sleeper, other = Sleeper(supervisor, "relay", tmp_path), Sleeper(supervisor, "api", tmp_path)
    await sleeper.start()
    await other.start()
    keeping = asyncio.ensure_future(keep_all([Keeper(other, patience=QUICK), Keeper(sleeper, patience=QUICK)]))
    sleeper.argv = [sys.executable, "-c", "print('the log went back'); raise SystemExit(3)"]
    await supervisor.kill("relay")
    with pytest.raises(CannotStart) as raised:
        async with asyncio.timeout(20):
            await keeping
    told = str(raised.value)
    assert told.startswith(
        "relay cannot be started: 3 starts in a row failed; the last one: relay ended by itself with status 3"
    )
    assert "the log went back" in told
    assert len(sleeper.starts) == 1 + 3


async def test_failed_starts_count_only_in_a_row(supervisor: Supervisor, tmp_path: Path) -> None:
    sleeper = Sleeper(supervisor, "relay", tmp_path)
    await sleeper.start()
    # Two starts of three fail.
    sleeper.argv = [
        "sh",
        "-c",
        f"echo x >> {tmp_path}/n; [ $(($(wc -l < {tmp_path}/n) % 3)) = 0 ] || exit 1; {READY[2]}",
    ]
    keeping = asyncio.ensure_future(Keeper(sleeper, patience=QUICK).keep())
    with structlog.testing.capture_logs() as said:
        for times in (1, 2):
            await supervisor.kill("relay")
            await until(partial(happened, said, "process_runs_again", times))
    assert [line["failed_starts"] for line in said if line["event"] == "process_did_not_start"] == [1, 2, 1, 2]
    assert not keeping.done()
    keeping.cancel()


async def test_nothing_is_started_again_before_what_it_needs(supervisor: Supervisor, tmp_path: Path) -> None:
    postgres, api = Sleeper(supervisor, "Postgres", tmp_path), Sleeper(supervisor, "api", tmp_path)
    await postgres.start()
    await api.start()
    slow = Keeper(postgres, patience=Patience(pauses=(0.6,)))
    keeping = asyncio.ensure_future(keep_all([slow, Keeper(api, needs=[slow], patience=QUICK)]))
    await supervisor.kill("Postgres")
    await supervisor.kill("api")
    await until(lambda: len(supervisor.running()) == 2)
    assert postgres.starts[-1] < api.starts[-1]
    keeping.cancel()
