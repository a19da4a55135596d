"""Advisory locks, for work that only one process may do at a time, whichever rows it touches.

A lock that is taken here belongs to its connection, and ends with it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum, unique
from typing import Any


@unique
class Lock(IntEnum):
    """The locks, by number. Processes of other versions use the same numbers, so none ever changes."""

    #: Taken while events are given their positions.
    APPEND = 7_217_001
    MIGRATE = 7_217_002
    #: The process that holds it is the only active relay.
    RELAY = 7_217_003
    #: Held on a separate connection for as long as a replay or an audit works on schemas.
    READ_MODELS = 7_217_004
    #: Held while a bill job runs; the second key is the job's sequence.
    BILL_JOB = 7_217_005
    #: Held while the log or the store is repaired.
    MEND = 7_217_006
    #: Held while a file of an export is written to a folder; the second key is a hash of the folder, the organization
    #: and the kind of export.
    EXPORT_FOLDER = 7_217_007
    #: Held while an export job runs; the second key is the job's sequence.
    EXPORT_JOB = 7_217_008


_LOCK = "SELECT pg_advisory_lock($1)"
_TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
#: A key of 64 bits is shown in two halves.
_IS_HELD = """
SELECT EXISTS (
    SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database AND datname = current_database()
    WHERE locktype = 'advisory' AND classid = 0 AND objid = $1::bigint::oid AND objsubid = 1 AND granted
)
"""
_UNLOCK = "SELECT pg_advisory_unlock($1)"


async def lock(connection: Any, which: Lock) -> None:
    """Wait for the lock, and take it."""
    await connection.execute(_LOCK, which)


async def try_lock(connection: Any, which: Lock) -> bool:
    """Take the lock if it is free. Returns whether it was taken."""
    return bool(await connection.fetchval(_TRY_LOCK, which))


async def is_held(connection: Any, which: Lock) -> bool:
    """Whether a session of this database has the lock."""
    return bool(await connection.fetchval(_IS_HELD, which))


async def unlock(connection: Any, which: Lock) -> None:
    """Give the lock back."""
    await connection.execute(_UNLOCK, which)


@asynccontextmanager
async def locked(connection: Any, which: Lock) -> AsyncIterator[None]:
    """Hold the lock for the length of the block; waits for it."""
    await lock(connection, which)
    try:
        yield
    finally:
        await unlock(connection, which)
