"""Independent jobs, run in as many processes as there are cores.

Replay and audit fold each partition separately, because the fold of one never depends on another. Python needs a
process each to use more than one core; little work runs in this process.

If a process dies, the whole work fails with a named error, and its results are not used. No such process outlives its
parent, however the parent ends. `sharing.py` has the same for processes of several machines.
"""

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from typing import Any, Generic

from services.apart.crew import Crew
from services.apart.work import J, Job, Progress, R, Servers, Work
from services.concurrency import cancel_all

#: Fewest records that justify another process: starting and importing takes as long as folding some tens of thousands.
LEAST_RECORDS = 100_000
LOOK_SECONDS = 0.2


def cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def processes_for(jobs: Sequence[Job], most: int) -> int:
    """How many processes these jobs justify, at most `most`; 1 means this process alone."""
    worth = 1 + sum(job.records for job in jobs) // LEAST_RECORDS
    return max(1, min(most, len(jobs), worth))


async def run_apart(
    work: Work[J, R], servers: Servers, jobs: Sequence[J], processes: int, progress: Progress
) -> list[R]:
    """The result of each job, in the order of the jobs. The largest start first.

    Raises: the error of a job, as FoldFailedError or FoldInterruptedError if it came from another process;
    ProcessDiedError.
    """
    if processes <= 1:
        return [await work.run(job, servers, progress) for job in jobs]
    crew, listed = Crew(work, servers, len(jobs), processes), _Listed[J, R](jobs)
    telling = asyncio.create_task(_tell(crew, progress))
    try:
        await crew.work_off(listed)
    finally:
        await cancel_all([telling])
    return [listed.results[number] for number in range(len(jobs))]


class _Listed(Generic[J, R]):
    """Jobs of this machine alone."""

    def __init__(self, jobs: Sequence[J]) -> None:
        self._jobs = jobs
        self._waiting = deque(sorted(range(len(jobs)), key=lambda number: -jobs[number].records))
        self.results: dict[int, R] = {}

    async def take(self) -> tuple[int, J] | None:
        if not self._waiting:
            return None
        number = self._waiting.popleft()
        return number, self._jobs[number]

    async def leave(self, number: int, result: R) -> None:
        self.results[number] = result


async def _tell(crew: "Crew[Any, Any]", progress: Progress) -> None:
    """Report the progress of all jobs together, repeatedly, and a last time when it is cancelled."""
    counted_before = 0
    while True:
        try:
            await asyncio.sleep(LOOK_SECONDS)
        finally:
            now = sum(crew.counted)
            progress(now - counted_before)
            counted_before = now
