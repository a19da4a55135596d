"""Wakes the projector when the relay has published: a catalog that changed brings no record to its partitions.

Told by Postgres. While its connection is lost nobody is woken, and everything is looked at once there is a new one; the
projector looks by itself now and then, too.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from services.postgres import Postgres, PostgresUnreachableError
from services.store.events import RELAYED

AGAIN_SECONDS = 1.0
log = structlog.get_logger(__name__)


@asynccontextmanager
async def woken_when_relayed(postgres: Postgres) -> AsyncIterator[asyncio.Event]:
    """An event that is set whenever the relay has published, for the length of a block."""
    woken = asyncio.Event()
    listening = asyncio.create_task(_listen(postgres, woken))
    try:
        yield woken
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


async def _listen(postgres: Postgres, woken: asyncio.Event) -> None:
    while True:
        try:
            async with postgres.connection() as connection:
                await _until_lost(connection, woken)
        except PostgresUnreachableError as error:
            log.debug("not_woken_meanwhile", error=str(error))  # the worker says what the outage means to it
        await asyncio.sleep(AGAIN_SECONDS)


async def _until_lost(connection: Any, woken: asyncio.Event) -> None:
    lost = asyncio.Event()

    def ring(*_: object) -> None:
        woken.set()

    def end(_: object) -> None:
        lost.set()

    connection.add_termination_listener(end)
    try:
        await connection.add_listener(RELAYED, ring)
        try:
            woken.set()  # what was published before
            await lost.wait()
        finally:
            await connection.remove_listener(RELAYED, ring)
    finally:
        connection.remove_termination_listener(end)
