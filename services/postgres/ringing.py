"""Wakes workers when Postgres notifies them that there is something to do."""

import asyncio
from collections.abc import Mapping

import structlog

from services.postgres.connection import PostgresUnreachableError, connected
from services.postgres.roles import Role

log = structlog.get_logger(__name__)

#: Seconds until the next attempt to connect, once the connection is lost.
AGAIN_SECONDS = 1.0


async def ring_when_told(postgres_url: str, role: Role, channels: Mapping[str, asyncio.Event]) -> None:
    """Set the event of each channel whenever Postgres notifies that channel, on a separate connection, until cancelled.

    While the connection is lost nothing is notified; once there is a new one, all events are set in any case.
    """
    while True:
        try:
            async with connected(postgres_url, role) as connection:
                for channel, woken in channels.items():
                    await connection.add_listener(channel, lambda *_, event=woken: event.set())
                    woken.set()  # it may have been notified before
                closed = asyncio.Event()
                connection.tell_when_closed(closed)
                await closed.wait()
        except PostgresUnreachableError as error:
            log.debug("not_woken_meanwhile", error=str(error))  # each worker reports the outage itself
        await asyncio.sleep(AGAIN_SECONDS)
