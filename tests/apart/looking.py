"""What stands in the tables of shared works."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.projector.conftest import Installation

PATIENCE_S = 60.0
TAKERS = "SELECT string_agg(DISTINCT taken_by, ' ') FROM store.shared_parts WHERE result IS NULL"
_WORKS = "SELECT count(*) FROM store.shared_work"


async def becomes(installation: Installation, statement: str, wanted: Callable[[Any], bool] = bool) -> Any:
    async with asyncio.timeout(PATIENCE_S), installation.postgres.connection() as connection:
        while not wanted(value := await connection.fetchval(statement)):
            await asyncio.sleep(0.01)
        return value


async def value(installation: Installation, statement: str) -> Any:
    async with installation.postgres.connection() as connection:
        return await connection.fetchval(statement)


async def nothing_is_left(installation: Installation) -> bool:
    async with installation.postgres.connection() as connection:
        schemas = await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'rm%'")
        return schemas == 1 and await connection.fetchval(_WORKS) == 0
