"""Independent jobs, run in as many processes as there are cores for them.

Replay and audit fold each partition apart: what is folded of one never depends on another. A process of its own for
each is what Python needs for more than one core; for little work there is none, and the same runs in this one.

A process that dies ends the whole, by name: what it was to fill is used by nobody. No such process outlives the one
that started it, however that one ends.
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

#: Fewest records that are worth a process of their own: starting one and importing takes as long as folding some tens
#: of thousands.
LEAST_RECORDS = 100_000
LOOK_SECONDS = 0.2

Progress = Callable[[int], None]


class Job(Protocol):
    """A part of the work: how many records it has."""

    @property
    def records(self) -> int: ...


J = TypeVar("J", bound=Job)
R = TypeVar("R")
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Work(Protocol[J_contra, R_co]):
    """What is done with each job. It and the jobs go to other processes, so they hold addresses and no connections."""

    async def run(self, job: J_contra, progress: Progress, /) -> R_co:
        """Do one; `progress` is told how many records more are folded."""
        ...


class ProcessDiedError(Worded, ExpectedFailure):
    """a process that folded partitions was killed, or had no memory left; nothing that it filled is used"""


class FoldFailedError(ExpectedFailure):
    """A job failed in another process; the message is that of its failure."""


class FoldInterruptedError(FoldFailedError, Passing):
    """A job failed in another process by something that passes by itself, such as a lost connection."""


class BrokenFoldError(Exception):
    """A bug or a broken log ended a job in another process; the message is its traceback."""


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def processes_for(jobs: Sequence[Job], most: int) -> int:
    """How many processes these jobs are worth, at most so many; 1 is this one alone."""
    worth = 1 + sum(job.records for job in jobs) // LEAST_RECORDS
    return max(1, min(most, len(jobs), worth))


async def run_apart(work: Work[J, R], jobs: Sequence[J], processes: int, progress: Progress) -> list[R]:
    """The result of each job, in the order of the jobs. The largest are begun first.

    Raises: what a job raised, as FoldFailedError or FoldInterruptedError if it came from another process;
    ProcessDiedError.
    """
    if processes <= 1:
        return [await work.run(job, progress) for job in jobs]
    context = multiprocessing.get_context("spawn")
    # Each job has a number of its own to count in, and one writer: there is no lock that a killed process could hold.
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
    """Report how far all jobs are together, again and again, and a last time when it is cancelled."""
    counted_before = 0
    while True:
        try:
            await asyncio.sleep(LOOK_SECONDS)
        finally:
            now = sum(counted)
            progress(now - counted_before)
            counted_before = now


class _Worker:
    """A process that does one job after another. Whichever of the two ends, the line between them is closed."""

    def __init__(self, context: Any, work: Work[J, R], counted: Any) -> None:
        level = logging.getLevelName(logging.getLogger().getEffectiveLevel())
        self._line, theirs = context.Pipe()
        with theirs:
            self._process = context.Process(target=_serve, args=(theirs, work, counted, level), daemon=True)
            self._process.start()

    async def work_off(self, waiting: deque[int], jobs: Sequence[J], results: dict[int, R]) -> None:
        """Have it do the jobs that wait, until none is left. Raises: as `run_apart`."""
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
    """Runs in the other process: does the jobs that come over the line, until it is closed."""
    configure_logs(log_level)
    tune_garbage_collection()
    # Ctrl-C in a terminal reaches every process; only the one that started them acts on it.
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
