"""The least that an HTTP server with a database does: FastAPI, one pydantic model, one row in or out, one commit.

Run as a process by `benchmarks.http`: `python -m benchmarks.bare DATABASE_URL READY_FILE`.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import uvloop
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict

from services.api.cli import bind, server_of
from services.run.process import tell_ready

_TABLE = "CREATE TABLE IF NOT EXISTS bare_things (id text PRIMARY KEY, body text NOT NULL)"
CONNECTIONS = 10


class Thing(BaseModel):
    """As many fields as a small commitment has."""

    model_config = ConfigDict(extra="allow")

    amount: float
    currency: str


def bare_app(database_url: str) -> FastAPI:
    """POST /things inserts a row, GET /things/{id} reads one."""
    pool: asyncpg.Pool[Any]

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        nonlocal pool
        async with asyncpg.create_pool(database_url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/things")
    async def create(thing: Thing) -> dict[str, Any]:
        id = str(uuid4())
        await pool.execute("INSERT INTO bare_things (id, body) VALUES ($1, $2)", id, thing.model_dump_json())
        return {"id": id, **thing.model_dump()}

    @app.get("/things/{id}")
    async def get(id: str) -> dict[str, Any]:
        body = await pool.fetchval("SELECT body FROM bare_things WHERE id = $1", id)
        if body is None:
            raise HTTPException(404)
        return {"id": id, **Thing.model_validate_json(body).model_dump()}

    return app


async def _serve(database_url: str, ready_file: Path) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(_TABLE)
    await connection.close()
    with bind("127.0.0.1", 0) as bound:
        server = server_of(bare_app(database_url))
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        tell_ready(ready_file, {"port": bound.getsockname()[1]})
        await serving


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], Path(sys.argv[2])))
