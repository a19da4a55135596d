"""A work that several machines do together: one leads and has the results, others assist it (`assisting.py`).

The leader writes the work and its parts down in Postgres. Every machine, the leader too, takes the largest part that
nobody has, folds it in a process of its own, and leaves the result there. Each second it says how far its parts are. A
failure anywhere ends the whole, in its words; so does a machine that gives no sign of life, unless another can go on
where it stopped.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic

import structlog

from services.apart.board import LOOK_SECONDS, Board, Part, WorkGoneError, forget, post
from services.apart.claims import PartLostError
from services.apart.processes import processes_for, run_apart
from services.apart.program import program_version
from services.apart.stint import FAILURES, SILENT_LOOKS, Signs, Stint
from services.apart.work import FoldFailedError, Form, J, Progress, R, Servers, Work
from services.concurrency import run_together
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster
from services.postgres import Connection, Postgres, PostgresUnreachableError

log = structlog.get_logger(__name__)


class MachineLostError(Worded, ExpectedFailure):
    """{machine} folded partitions and has given no sign of life for {seconds:.0f} s; nothing that it filled is used"""


async def fold_apart(
    work: Work[J, R],
    form: Form[J, R],
    jobs: Sequence[J],
    postgres: Postgres,
    cluster: Cluster,
    guard: Connection,
    *,
    processes: int,
    shared: bool,
    progress: Progress,
) -> list[R]:
    """The result of each job, in the order of the jobs, by at most `processes` processes of this machine, and of those
    that assist it if the work is `shared`; then this machine may also have none. `guard` holds the lock of the read
    models.

    Raises: as `run_apart`, from whichever machine; MachineLostError, WorkGoneError.
    """
    servers = Servers(postgres.url, postgres.role, cluster)
    if shared:
        return await _Sharing(postgres, form, servers).run(guard, work, jobs, processes, progress)
    return await run_apart(work, servers, jobs, processes_for(jobs, processes), progress)


@dataclass(frozen=True, slots=True)
class _Sharing(Generic[J, R]):
    """A work of this form, to be done by this machine and whoever assists it."""

    postgres: Postgres
    form: Form[J, R]
    servers: Servers

    async def run(
        self, guard: Connection, work: Work[J, R], jobs: Sequence[J], processes: int, progress: Progress
    ) -> list[R]:
        id = await post(guard, self.form, program_version(), work, jobs)
        board = Board(self.postgres, self.form, id)
        stint = Stint(self.postgres, self.form, id, work, self.servers, len(jobs), processes) if processes else None
        try:
            await run_together(self._watch(board, stint, progress), _own(stint, board))
            return await board.results()
        finally:
            with suppress(PostgresUnreachableError):  # who assists sees that nobody leads
                async with self.postgres.connection() as connection:
                    await forget(connection, id)

    async def _watch(self, board: Board[J, R], own: Stint[J, R] | None, progress: Progress) -> None:
        """Until all parts are done. Raises: the failure of a machine; MachineLostError, WorkGoneError."""
        told, signs = 0, Signs()
        while True:
            failure, message = await board.failure()
            if failure is not None:
                raise FAILURES[failure](message)
            await board.check_led()
            parts = await board.parts()
            folded = sum(part.folded for part in parts)
            progress(folded - told)
            told = folded
            if all(part.is_done for part in parts):
                return
            others = [part for part in parts if not part.is_done and (own is None or part.taken_by != own.me)]
            await self._take_back(board, others, signs)
            await asyncio.sleep(LOOK_SECONDS)

    async def _take_back(self, board: Board[J, R], parts: Sequence[Part], signs: Signs) -> None:
        """Let others go on with the parts of whoever is silent. Raises: MachineLostError if they cannot."""
        silent = [part for part in parts if signs.look((part.part, part.taken_by), part.beats)]
        for who in {part.taken_by for part in silent if part.taken_by is not None}:
            if not self.form.goes_on:
                raise MachineLostError(machine=who, seconds=SILENT_LOOKS * LOOK_SECONDS)
            if parts_back := await board.put_back(who):
                log.warning("machine_lost", machine=who, parts=parts_back, note="others go on where it stopped")
            else:
                log.warning("machine_stands_still", machine=who, note="a transaction of it has not ended yet")


async def _own(stint: Stint[J, R] | None, board: Board[J, R]) -> None:
    """What this machine does itself. If the work has failed elsewhere, that is what is to be said."""
    if stint is not None:
        try:
            await stint.run(leads=True)
        except (WorkGoneError, PartLostError, FoldFailedError):
            failure, message = await board.failure()
            if failure is None:
                raise
            raise FAILURES[failure](message) from None
