"""`trueup relay`: one relay leads, the others stand by until they can."""

import asyncio
import math
import time
from collections.abc import Callable
from pathlib import Path

import click
import structlog

from services.concurrency import first_of, soon_after
from services.continuity.check import read_tails
from services.continuity.guard import Guard, guarded
from services.continuity.memory import note_writer, written
from services.kafka import BatchWriter, Cluster, LogReader
from services.outage import until_stopped
from services.postgres import Connection, Role, connected, limit_idling
from services.relay import cursor
from services.relay.relay import QUARTER_S, Relay
from services.run.process import Process, run_process
from services.sight.metrics import LEADS, POSITION
from services.sight.pulse import PULSE
from services.store.events import CHANNEL
from services.store.generations import load_generations

#: A notification may be lost with its connection; looking this often bounds the delay.
LOOK_SECONDS = 5.0
#: Interval of noting the end of the log, which bounds how much the next relay reads before it leads.
REACH_SECONDS = 10.0
STANDBY_SECONDS = 0.3
_log = structlog.get_logger(__name__)


async def run_relay(
    cluster: Cluster,
    database_url: str,
    stop: asyncio.Event,
    *,
    ready: Callable[[], None] = lambda: None,
    wall_seconds: Callable[[], float] = time.time,
) -> None:
    """Lead whenever no other relay does, until `stop` is set. `ready` is called once it leads or stands by.

    Raises: BreakError, NotMigratedError; temporary failures are waited out.
    """

    async def lead() -> None:
        async with connected(database_url, Role.RELAY) as connection:
            await _stand_by(connection, stop, ready)
            if not stop.is_set():
                generations = await load_generations(connection)
                guard = Guard(cluster, lambda: connected(database_url, Role.RELAY), generations)
                await guard.check()
                try:
                    await guarded(guard, soon_after(stop, _lead(connection, cluster, stop, ready, wall_seconds)))
                finally:
                    LEADS.set(0)

    await until_stopped(stop, "relay_begins_anew", lead)


async def _stand_by(connection: Connection, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    first = True
    while not stop.is_set() and not await cursor.try_lead(connection):
        if first:
            _log.info("relay_stands_by")
            ready()
            first = False
        PULSE.went_round()
        await first_of(STANDBY_SECONDS, stop)


async def _lead(
    connection: Connection,
    cluster: Cluster,
    stop: asyncio.Event,
    ready: Callable[[], None],
    wall_seconds: Callable[[], float],
) -> None:
    woken = asyncio.Event()
    await connection.add_listener(CHANNEL, lambda *_: woken.set())
    connection.tell_when_closed(woken)  # then the next statement fails, and another relay may lead at once
    generations = await load_generations(connection)
    async with LogReader(cluster) as reader, BatchWriter(cluster) as writer, note_writer(cluster) as notes:
        tails = await read_tails(connection, reader, generations, await written(connection))
        at = await cursor.read_cursor(connection)
        relay = Relay(connection, reader, writer, notes, generations, tails, at)
        _log.info("relay_leads", position=at.position, partitions=generations.partitions)
        await limit_idling(connection)  # from here on it asks every few seconds
        LEADS.set(1)
        POSITION.set(at.position)
        ready()
        reached = -math.inf
        while not stop.is_set():
            woken.clear()
            now = wall_seconds()
            await relay.tick(now)
            has_carried = await relay.step()
            if time.monotonic() - reached >= REACH_SECONDS:
                await relay.reach()
                reached = time.monotonic()
            PULSE.went_round()
            if not has_carried:
                await first_of(min(LOOK_SECONDS, QUARTER_S - now % QUARTER_S), stop, woken)


async def _relay(process: Process) -> None:
    await run_relay(process.endpoints.kafka, process.endpoints.database_url, process.stop, ready=process.ready)


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="Written once the relay works.")
def relay(ready_file: Path | None) -> None:
    """Carry facts from the event store to Kafka, in commit order, until Ctrl-C. Several may run: one leads."""
    run_process(_relay, ready_file, seen_as="relay")
