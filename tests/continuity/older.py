"""A system whose live read models a program of another version has made, and how to look at what becomes of them.

"The version before" has no column `positions.mark`, no table `seen_ids`, and a version of its own on its schema.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from events.topics import EVENTS
from projections.readmodels.registry import VERSION
from services.postgres import TablesMovedError, connected
from services.readside.live import Live, filling_schema, read_live
from tests.api_client import http_client
from tests.continuity.home import PATIENCE_S, Home
from tests.forked import ForkedChild, started
from tests.system.sharing import environment_at
from tests.system.story import Wire

WORDS = "are of another version than this program: "
FILLING = WORDS + "the projector is filling new ones beside them, try again later"
OLDER = """
ALTER TABLE {0}.positions DROP COLUMN IF EXISTS mark;
DROP TABLE IF EXISTS {0}.seen_ids;
COMMENT ON SCHEMA {0} IS 'older';
UPDATE store.live_schema SET wanted = 'older'
"""
READS = ("commitments", "bills", "lineitems", "accounts")
SCHEMAS = "SELECT array_agg(nspname::text ORDER BY nspname) FROM pg_namespace WHERE nspname LIKE 'rm\\_%'"
FOLDED = 'SELECT coalesce(sum(next_offset), 0)::int FROM "{}".positions WHERE topic = \'' + EVENTS + "'"


async def asked(home: Home, question: str) -> Any:
    async with connected(home.database_url) as connection:
        return await connection.fetchval(question)


async def live_of(home: Home) -> Live:
    async with connected(home.database_url) as connection:
        return await read_live(connection)


async def make_older(home: Home) -> Live:
    """What a program of another version would have left, and this one's `trueup migrate` has found."""
    schema = (await live_of(home)).schema
    async with connected(home.database_url) as connection:
        await connection.execute(OLDER.format(schema))
    status, said = await home.trueup("migrate")
    told = f"read models {schema} are of another version: the projector fills new ones beside them"
    assert (status, said.count(told)) == (0, 1), said
    live = await live_of(home)
    assert live == Live(schema, "older", VERSION)
    return live


async def shown(home: Home) -> dict[str, Any]:
    """What the API answers; that it does not answer is never tried again."""
    found = {}
    async with http_client(f"{home.url}/organizations/upgraded") as client:
        for path in READS:
            answer = await client.get(path)
            assert answer.status_code == 200, (path, answer.status_code, answer.text)
            found[path] = answer.json()
    return found


async def refused(home: Home, path: str) -> str:
    async with http_client(f"{home.url}/organizations/upgraded") as client:
        answer = await client.get(path)
    assert answer.status_code == 503, (path, answer.status_code, answer.text)
    return str(answer.json()["message"])


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await is_so():
            await asyncio.sleep(0.01)


async def filled(home: Home) -> str | None:
    """The schema beside the live one that has folded the whole log; None if there is none."""
    async with connected(home.database_url) as connection:
        schema = await filling_schema(connection, await read_live(connection))
        end = sum((await home.ends(EVENTS)).values())
        try:
            whole = schema is not None and await connection.fetchval(FOLDED.format(schema)) == end
        except TablesMovedError:  # what was left behind is dropped at this moment
            whole = False
    return schema if whole else None


@asynccontextmanager
async def projectors(home: Home, count: int = 1) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Processes for the length of the block; yields how to kill them."""
    processes = [await _projector(home) for _ in range(count)]

    async def kill() -> None:
        for process in processes:
            await process.kill()

    try:
        yield kill
    finally:
        await kill()


async def _projector(home: Home) -> ForkedChild:
    environment = os.environ | environment_at(home.endpoints)
    return await started("projector", environment=environment, log=Path(os.devnull))


@asynccontextmanager
async def no_swap(home: Home) -> AsyncIterator[None]:
    """Nobody can swap schemas for the length of the block."""
    async with connected(home.database_url) as connection, connection.transaction():
        await connection.execute("SELECT FROM store.live_schema FOR SHARE")
        yield


@asynccontextmanager
async def reading(home: Home, wanted: dict[str, Any]) -> AsyncIterator[None]:
    """Reads of the organization go on all the time, and say what they said before."""
    done, reads = asyncio.Event(), 0

    async def read() -> None:
        nonlocal reads
        while not done.is_set():
            assert await shown(home) == wanted
            reads += 1
            await asyncio.sleep(0.05)

    task = asyncio.create_task(read())
    try:
        yield
    finally:
        done.set()
        await task
    assert reads > 1


async def until_billed(wire: Wire, job: str) -> None:
    async def is_complete() -> bool:
        return bool((await wire.do("GET", f"billjobs/{job}"))["status"] == "COMPLETE")

    await until(is_complete)
