"""An app as a server of its own on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.api.cli import bind, server_of
from services.api.edges.connections import LIMITS, Limits


@asynccontextmanager
async def served(app: FastAPI, limits: Limits = LIMITS) -> AsyncIterator[str]:
    """Its base URL, for the length of a block; who is connected at its end is cut off."""
    with bind("127.0.0.1", 0) as bound:
        server = server_of(app, limits)
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        async with asyncio.timeout(30):
            while not server.started:
                assert not serving.done()
                await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            for connection in list(server.server_state.connections):
                connection.transport.abort()
            server.ask_to_end()
            await serving
