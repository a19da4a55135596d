"""Who makes topics anew or refills the store says so: what others find broken meanwhile is being seen to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.breaks import BeingMendedError
from services.postgres.locks import locked

MENDING_LOCK = 7_217_006


@asynccontextmanager
async def mending(connection: Any) -> AsyncIterator[None]:
    """Log or store are changed in here, over this connection; it waits for whoever is at it already."""
    async with locked(connection, MENDING_LOCK):
        yield


async def check_nobody_mends(connection: Any) -> None:
    """Raises: BeingMendedError."""
    # Shared, so that those who ask do not see each other; it is given back as the statement ends.
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock_shared($1)", MENDING_LOCK):
        raise BeingMendedError
