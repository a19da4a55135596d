"""Advisory locks: what only one process may do at a time, whichever rows it touches.

Each is a number of our own, which stands where what it guards stands. A lock that is taken here belongs to its
connection, and goes with it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

_LOCK = "SELECT pg_advisory_lock($1)"
_TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
_UNLOCK = "SELECT pg_advisory_unlock($1)"


async def lock(connection: Any, number: int) -> None:
    """Take the lock, once whoever has it gives it back."""
    await connection.execute(_LOCK, number)


async def try_lock(connection: Any, number: int) -> bool:
    """Take the lock, unless somebody has it: whether it was taken."""
    return bool(await connection.fetchval(_TRY_LOCK, number))


async def unlock(connection: Any, number: int) -> None:
    """Give the lock back."""
    await connection.execute(_UNLOCK, number)


@asynccontextmanager
async def locked(connection: Any, number: int) -> AsyncIterator[None]:
    """Have the lock for the length of a block."""
    await lock(connection, number)
    try:
        yield
    finally:
        await unlock(connection, number)
