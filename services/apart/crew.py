"""Processes of this machine that do one job after another, for as long as their parent lives."""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import traceback
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Generic, NamedTuple

import uvloop

from services.apart.program import program_version
from services.apart.work import (
    BrokenFoldError,
    FoldFailedError,
    FoldInterruptedError,
    J,
    ProcessDiedError,
    Progress,
    R,
    Servers,
    Source,
    Work,
)
from services.concurrency import cancel_all
from services.failures import ExpectedFailure, Passing, Worded
from services.garbage import tune_garbage_collection
from services.run.logs import configure_logs


class OtherProgramError(Worded):
    """another version of the program was installed meanwhile: start this process again"""


class Crew(Generic[J, R]):
    """So many processes of this machine, for jobs with the numbers `range(jobs)`."""

    def __init__(self, work: Work[J, R], servers: Servers, jobs: int, processes: int) -> None:
        self._work, self._servers, self._processes = work, servers, processes
        self._context = multiprocessing.get_context("spawn")
        #: How many records of each job were folded. Each has a single writer: no lock, which a killed process could
        #: hold.
        self.counted: Any = self._context.Array("q", jobs, lock=False)

    async def work_off(self, source: Source[J, R]) -> None:
        """Do jobs until the source has none left. No process is there any more when it returns.

        Raises: FoldFailedError, FoldInterruptedError, BrokenFoldError, ProcessDiedError; what the source raises.
        """
        workers = [_Worker(self._context, self._work, self._servers, self.counted) for _ in range(self._processes)]
        tasks = [asyncio.create_task(worker.work_off(source)) for worker in workers]
        try:
            await asyncio.gather(*tasks)
        finally:
            await cancel_all(tasks)
            for worker in workers:
                worker.end()


class _Worker:
    """A process that does one job after another. When either side ends, the connection between them is closed."""

    def __init__(self, context: Any, work: Work[J, R], servers: Servers, counted: Any) -> None:
        level = logging.getLevelName(logging.getLogger().getEffectiveLevel())
        self._line, theirs = context.Pipe()
        with theirs:
            self._process = context.Process(
                target=_serve, args=(theirs, work, servers, counted, level, program_version()), daemon=True
            )
            self._process.start()

    async def work_off(self, source: Source[J, R]) -> None:
        """Give it jobs until none is left. Raises: as `Crew.work_off`."""
        while (taken := await source.take()) is not None:
            number, job = taken
            try:
                self._line.send((number, job))
                await self._until_answered()
                answer = self._line.recv()
            except (EOFError, ConnectionError) as error:
                raise ProcessDiedError from error
            await source.leave(number, _result(answer))

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


def _serve(line: Connection, work: Work[J, R], servers: Servers, counted: Any, log_level: str, program: str) -> None:
    """Runs in the other process: does the jobs from the connection, until that is closed."""
    configure_logs(log_level)
    tune_garbage_collection()
    # Ctrl-C in a terminal reaches every process; only their parent acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError):
        while True:
            number, job = line.recv()
            if program_version() != program:
                line.send(_Failed(FoldFailedError, str(OtherProgramError())))
                continue
            line.send(_done(work, job, servers.for_part(number), partial(_count, counted, number)))


def _end_with_parent() -> None:
    """End this process once its parent is gone, however the parent ended: nobody waits for its results any more."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _count(counted: Any, number: int, records: int) -> None:
    counted[number] += records


def _done(work: Work[J, R], job: J, servers: Servers, progress: Progress) -> R | _Failed:
    try:
        return uvloop.run(work.run(job, servers, progress))
    except Passing as error:
        return _Failed(FoldInterruptedError, str(error))
    except ExpectedFailure as error:
        return _Failed(FoldFailedError, str(error))
    except Exception:
        return _Failed(BrokenFoldError, traceback.format_exc())
