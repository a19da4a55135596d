"""Which process carries a bill job out: whoever holds its lock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from services.postgres import OwnConnection, PostgresUnreachableError

#: First key of the advisory lock that a running job holds; the second is the job's sequence.
#: Numbers of locks are unique: 7_217_001 appends, ...002 migrates, ...003 relays, ...004 makes read models,
#: ...006 mends log or store.
JOB_LOCK = 7_217_005
_TRY_LOCK = "SELECT pg_try_advisory_lock($1, $2)"
_UNLOCK = "SELECT pg_advisory_unlock($1, $2)"


class JobLocks:
    """The locks of a process, all in one session: a job may wait for long, and holds no connection of the pool.

    They go with the session, so a killed process never leaves a job locked. Should the session be lost under a running
    job, another process may take the job up as well: bills are issued once all the same, the lock only spares the work.
    """

    def __init__(self, database_url: str) -> None:
        self._session = OwnConnection(database_url)

    @asynccontextmanager
    async def holding(self, sequence: int) -> AsyncIterator[bool]:
        """Whether the job is ours for the length of the block. Raises: PostgresUnreachableError."""
        async with self._session.use() as connection:
            held = bool(await connection.fetchval(_TRY_LOCK, JOB_LOCK, sequence))
        try:
            yield held
        finally:
            if held:
                with suppress(PostgresUnreachableError):  # then the lock went with the session
                    async with self._session.use() as connection:
                        await connection.execute(_UNLOCK, JOB_LOCK, sequence)

    def close(self) -> None:
        """Let the session go, and every lock with it."""
        self._session.close()
