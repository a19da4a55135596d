"""Advisory locks: what only one process may do at a time, whichever rows it touches.

A lock that is taken here belongs to its connection, and goes with it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum, unique
from typing import Any


@unique
class Lock(IntEnum):
    """What is locked, by a number of its own. Processes of other versions take the same, so none ever changes."""

    #: Positions of events are given.
    APPEND = 7_217_001
    MIGRATE = 7_217_002
    #: Whoever has it is the one relay.
    RELAY = 7_217_003
    #: Held on a connection of its own for as long as a replay or an audit works on schemas.
    READ_MODELS = 7_217_004
    #: One job is carried out; the second key is its sequence.
    BILL_JOB = 7_217_005
    #: Log or store is mended.
    MEND = 7_217_006
    #: A folder gets a file of an export; the second key is a hash of which.
    EXPORT_FOLDER = 7_217_007
    #: As that of a bill job.
    EXPORT_JOB = 7_217_008


_LOCK = "SELECT pg_advisory_lock($1)"
_TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
_UNLOCK = "SELECT pg_advisory_unlock($1)"


async def lock(connection: Any, which: Lock) -> None:
    """Take the lock, once whoever has it gives it back."""
    await connection.execute(_LOCK, which)


async def try_lock(connection: Any, which: Lock) -> bool:
    """Take the lock, unless somebody has it: whether it was taken."""
    return bool(await connection.fetchval(_TRY_LOCK, which))


async def unlock(connection: Any, which: Lock) -> None:
    """Give the lock back."""
    await connection.execute(_UNLOCK, which)


@asynccontextmanager
async def locked(connection: Any, which: Lock) -> AsyncIterator[None]:
    """Have the lock for the length of a block."""
    await lock(connection, which)
    try:
        yield
    finally:
        await unlock(connection, which)
