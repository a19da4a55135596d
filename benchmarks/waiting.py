"""Bounded waits, the starting gate that all measured processes stand behind, and their CPU time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncpg
import psutil

from services.failures import ExpectedFailure
from services.readside.live import live_schema
from services.run.stack.child import log_tail
from services.run.stack.supervise import Supervisor

T = TypeVar("T")
LOOK_SECONDS = 0.02
GATE_SECONDS = 45.0
_WAITING = """
SELECT count(DISTINCT pid) FROM pg_locks WHERE relation = 'store.live_schema'::regclass AND NOT granted
"""


class NotFinishedError(ExpectedFailure):
    """{what} was not done after {seconds} s; {seen}."""

    def __init__(self, what: str, seconds: float, seen: object) -> None:
        super().__init__(f"{what} was not done after {seconds:.0f} s; seen last: {seen}")


async def until(
    what: str, seconds: float, look: Callable[[], Awaitable[tuple[bool, Any]]], supervisor: Supervisor
) -> None:
    """Wait until `look` tells (done, what it saw); looks take at most a tenth of the time, for they cost those who are
    waited for. Raises: NotFinishedError, also when a process ended by itself.
    """
    started = time.monotonic()
    while True:
        looked = time.monotonic()
        done, seen = await look()
        if done:
            return
        ended = supervisor.ended()
        if ended is not None:
            tail = log_tail(ended.command.log)
            raise NotFinishedError(what, time.monotonic() - started, f"{ended.command.name} had ended{tail}")
        if time.monotonic() - started > seconds:
            raise NotFinishedError(what, seconds, seen)
        await asyncio.sleep(max(LOOK_SECONDS, 9 * (time.monotonic() - looked)))


class Gate:
    """Processes stand at the gate until all are there, so that no start-up is measured and none has a head start.

    The gate is a lock on the row that each of them reads before it loads anything: the name of the live schema.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    async def __aenter__(self) -> Self:
        self._holder, self._watcher = await asyncpg.connect(self._url), await asyncpg.connect(self._url)
        self._transaction = self._holder.transaction()
        await self._transaction.start()
        await self._holder.execute("LOCK TABLE store.live_schema IN ACCESS EXCLUSIVE MODE")
        return self

    async def release(self, runners: int, supervisor: Supervisor) -> float:
        """Wait until so many stand at the gate, open it, and say when that was (seconds since 1970)."""

        async def look() -> tuple[bool, object]:
            waiting = await self._watcher.fetchval(_WAITING)
            return waiting >= runners, f"{waiting} of {runners} at the gate"

        await until("the start of the measured processes", GATE_SECONDS, look, supervisor)
        now = time.time()
        await self._transaction.commit()
        return now

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._holder.close()  # whoever still waits goes on
        await self._watcher.close()


async def pass_gate(connection: Any) -> str:
    """Stand at the gate; returns the name of the live schema."""
    return await live_schema(connection)


def cpu_seconds(word: str) -> float:
    """CPU time so far of those of our child processes whose command line has this word."""
    return sum(times.user + times.system for times in _of_children(word, lambda process: process.cpu_times()))


def resident_mb(word: str) -> float:
    """Memory of those of our child processes whose command line has this word, but for who watches over them."""
    return round(max(_of_children(word, lambda process: process.memory_info().rss), default=0) / 1e6, 1)


def _of_children(word: str, look: Callable[[Any], T]) -> Iterator[T]:
    for process in psutil.Process().children(recursive=True):
        try:
            if word in process.cmdline():
                yield look(process)
        except psutil.NoSuchProcess:
            continue
