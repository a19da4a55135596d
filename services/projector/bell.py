"""Wakes the projector when the relay has published: a catalog that changed brings no record to its partitions.

Told by Postgres. While its connection is lost nobody is woken, and everything is looked at once there is a new one; the
projector looks by itself now and then, too.
"""

import asyncio

import structlog

from services.postgres import PostgresUnreachableError, connected
from services.store.events import RELAYED

AGAIN_SECONDS = 1.0
log = structlog.get_logger(__name__)


async def ring_when_relayed(postgres_url: str, woken: asyncio.Event) -> None:
    """Set the event whenever the relay has published, until cancelled."""
    while True:
        try:
            async with connected(postgres_url) as connection:
                await connection.add_listener(RELAYED, lambda *_: woken.set())
                woken.set()  # what was published before
                closed = asyncio.Event()
                connection.tell_when_closed(closed)
                await closed.wait()
        except PostgresUnreachableError as error:
            log.debug("not_woken_meanwhile", error=str(error))  # the worker says what the outage means to it
        await asyncio.sleep(AGAIN_SECONDS)
