"""Independent jobs, run in as many processes as there are cores.

Replay and audit fold each partition separately, because the fold of one never depends on another. Python needs a
process each to use more than one core; little work runs in this process.

If a process dies, the whole work fails with a named error, and its results are not used. No such process outlives its
parent, however the parent ends.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol, TypeVar

import uvloop

from services.concurrency import cancel_all
from services.failures import ExpectedFailure, Passing, Worded
from services.garbage import tune_garbage_collection
from services.run.logs import configure_logs

#: Fewest records that justify another process: starting and importing takes as long as folding some tens of thousands.
LEAST_RECORDS = 100_000
LOOK_SECONDS = 0.2

Progress = Callable[[int], None]


class Job(Protocol):
    """A part of the work, with its number of records."""

    @property
    def records(self) -> int: ...


J = TypeVar("J", bound=Job)
R = TypeVar("R")
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Work(Protocol[J_contra, R_co]):
    """The work on each job. It and the jobs are sent to other processes, so they hold addresses and no connections."""

    async def run(self, job: J_contra, progress: Progress, /) -> R_co:
        """Do one job; report to `progress` how many further records were folded."""
        ...


class ProcessDiedError(Worded, ExpectedFailure):
    """a process that folded partitions was killed, or had no memory left; nothing that it filled is used"""


class FoldFailedError(ExpectedFailure):
    """A job failed in another process; the message is that of its failure."""


class FoldInterruptedError(FoldFailedError, Passing):
    """A job failed in another process from a temporary cause, such as a lost connection."""


class BrokenFoldError(Exception):
    """A bug or a broken log ended a job in another process; the message is its traceback."""


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def processes_for(jobs: Sequence[Job], most: int) -> int:
    """How many processes these jobs justify, at most `limit`; 1 means this process alone."""
    worth = 1 + sum(job.records for job in jobs) // LEAST_RECORDS
    return max(1, min(most, len(jobs), worth))


async def run_apart(work: Work[J, R], jobs: Sequence[J], processes: int, progress: Progress) -> list[R]:
    """The result of each job, in the order of the jobs. The largest start first.

    Raises: the error of a job, as FoldFailedError or FoldInterruptedError if it came from another process;
    ProcessDiedError.
    """
    if processes <= 1:
        return [await work.run(job, progress) for job in jobs]
    context = multiprocessing.get_context("spawn")
    # Each job has its own counter with a single writer: no lock, which a killed process could hold.
    counted = context.Array("q", len(jobs), lock=False)
    waiting = deque(sorted(range(len(jobs)), key=lambda number: -jobs[number].records))
    results: dict[int, R] = {}
    crew = [_Worker(context, work, counted) for _ in range(processes)]
    tasks = [asyncio.create_task(worker.work_off(waiting, jobs, results)) for worker in crew]
    telling = asyncio.create_task(_tell(counted, progress))
    try:
        await asyncio.gather(*tasks)
    finally:
        await cancel_all([*tasks, telling])
        for worker in crew:
            worker.end()
    return [results[number] for number in range(len(jobs))]


async def _tell(counted: Any, progress: Progress) -> None:
    """Report the progress of all jobs together, repeatedly, and a last time when it is cancelled."""
    counted_before = 0
    while True:
        try:
            await asyncio.sleep(LOOK_SECONDS)
        finally:
            now = sum(counted)
            progress(now - counted_before)
            counted_before = now


class _Worker:
    """A process that does one job after another. When either side ends, the connection between them is closed."""

    def __init__(self, context: Any, work: Work[J, R], counted: Any) -> None:
        level = logging.getLevelName(logging.getLogger().getEffectiveLevel())
        self._line, theirs = context.Pipe()
        with theirs:
            self._process = context.Process(target=_serve, args=(theirs, work, counted, level), daemon=True)
            self._process.start()

    async def work_off(self, waiting: deque[int], jobs: Sequence[J], results: dict[int, R]) -> None:
        """Give it waiting jobs until none is left. Raises: as `run_apart`."""
        while waiting:
            number = waiting.popleft()
            try:
                self._line.send((number, jobs[number]))
                await self._until_answered()
                results[number] = _result(self._line.recv())
            except (EOFError, ConnectionError) as error:
                raise ProcessDiedError from error

    async def _until_answered(self) -> None:
        loop, answered = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._line.fileno(), answered.set)
        try:
            await answered.wait()
        finally:
            loop.remove_reader(self._line.fileno())

    def end(self) -> None:
        """Kill it, whatever it is doing; it has ended when this returns."""
        self._process.kill()
        self._process.join()
        self._line.close()


class _Failed(NamedTuple):
    """A job's failure in a form that can be sent to another process: the error to raise, and its message."""

    raised: type[Exception]
    message: str


def _result(answer: R | _Failed) -> R:
    if isinstance(answer, _Failed):
        raise answer.raised(answer.message)
    return answer


def _serve(line: Connection, work: Work[J, R], counted: Any, log_level: str) -> None:
    """Runs in the other process: does the jobs from the connection, until that is closed."""
    configure_logs(log_level)
    tune_garbage_collection()
    # Ctrl-C in a terminal reaches every process; only their parent acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError):
        while True:
            number, job = line.recv()
            line.send(_done(work, job, partial(_count, counted, number)))


def _end_with_parent() -> None:
    """End this process once its parent is gone, however the parent ended: nobody waits for its results any more."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _count(counted: Any, number: int, records: int) -> None:
    counted[number] += records


def _done(work: Work[J, R], job: J, progress: Progress) -> R | _Failed:
    try:
        return uvloop.run(work.run(job, progress))
    except Passing as error:
        return _Failed(FoldInterruptedError, str(error))
    except ExpectedFailure as error:
        return _Failed(FoldFailedError, str(error))
    except Exception:
        return _Failed(BrokenFoldError, traceback.format_exc())
