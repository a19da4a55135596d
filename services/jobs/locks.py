"""A lock for each running job, so that no two processes run the same one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from services.postgres import OwnConnection, PostgresUnreachableError, Role
from services.postgres.locks import Lock

_TRY_LOCK = "SELECT pg_try_advisory_lock($1, $2)"
_UNLOCK = "SELECT pg_advisory_unlock($1, $2)"


class JobLocks:
    """The locks of a process, all in one session: a job may wait for long, and holds no connection of the pool.

    They end with the session, so a killed process never leaves a job locked. If the session is lost under a running
    job, another process may take up the job as well: a job's work happens once in any case, and the lock only avoids
    double effort. The second key of each lock is its job's sequence.
    """

    def __init__(self, database_url: str, which: Lock) -> None:
        self._session, self._which = OwnConnection(database_url, Role.WATCH), which

    @asynccontextmanager
    async def holding(self, sequence: int) -> AsyncIterator[bool]:
        """Whether the job is locked by us for the length of the block. Raises: PostgresUnreachableError."""
        async with self._session.use() as connection:
            is_ours = bool(await connection.fetchval(_TRY_LOCK, self._which, sequence))
        try:
            yield is_ours
        finally:
            if is_ours:
                with suppress(PostgresUnreachableError):  # then the session took the lock with it
                    async with self._session.use() as connection:
                        await connection.execute(_UNLOCK, self._which, sequence)

    def close(self) -> None:
        """Close the session, and every lock with it."""
        self._session.close()
