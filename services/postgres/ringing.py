"""Being told by Postgres that there is something to do."""

import asyncio
from collections.abc import Mapping

import structlog

from services.postgres.connection import PostgresUnreachableError, connected
from services.postgres.roles import Role

log = structlog.get_logger(__name__)

#: How long until the next attempt to be told, once the connection for it is lost.
AGAIN_SECONDS = 1.0


async def ring_when_told(postgres_url: str, role: Role, channels: Mapping[str, asyncio.Event]) -> None:
    """Set the event of each channel whenever that is notified, on one connection of its own, until cancelled.

    While that is lost nobody is told; once there is a new one the events are set in any case.
    """
    while True:
        try:
            async with connected(postgres_url, role) as connection:
                for channel, woken in channels.items():
                    await connection.add_listener(channel, lambda *_, event=woken: event.set())
                    woken.set()  # what was told before
                closed = asyncio.Event()
                connection.tell_when_closed(closed)
                await closed.wait()
        except PostgresUnreachableError as error:
            log.debug("not_woken_meanwhile", error=str(error))  # the worker says what the outage means to it
        await asyncio.sleep(AGAIN_SECONDS)
