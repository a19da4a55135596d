"""How a worker begins: never on read models of another version, neither folding into them nor starting from them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from services.concurrency import first_of, unless_set
from services.outage import Outage
from services.postgres import Postgres
from services.readside.live import OutdatedReadModelsError, read_live


async def when_current(
    postgres: Postgres,
    stop: asyncio.Event,
    work: Callable[[], Awaitable[None]],
    ready: Callable[[], None] | None = None,
    fill: Callable[[], Coroutine[Any, Any, bool]] | None = None,
) -> None:
    """Do the work once the live read models are of this program's version; not at all, if `stop` is set before.

    Whoever starts the worker is told that it is `ready` before: what it waits for may take as long as the log is long.
    `fill` makes such read models, if that is what `trueup migrate` wanted, or returns False: another process is at it.
    Raises: what filling or the work raises.
    """
    outage = Outage("read_models_outdated", of_process=True)
    while not stop.is_set():
        async with postgres.connection() as connection:
            live = await read_live(connection)
        if live.is_current:
            outage.over()
            return await work()
        if ready is not None:
            ready()
        pause = outage.met(OutdatedReadModelsError(live))
        if fill is None or not live.is_wanted or not await unless_set(stop, fill()):
            await first_of(pause, stop)
