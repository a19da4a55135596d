"""The relay: follows `store.events` by position and appends to Kafka, never past an unacknowledged record.

Why nothing is lost: the cursor moves only after every record up to it is acknowledged, so whatever kills the relay, the
next one begins at or before the first record that is missing. Why nothing counts twice: what a relay finds in a
partition's tail is not appended again, and what still is (a record whose acknowledgement was lost and that lands later)
has a sequence that readers have passed. Why there is no gap: places are written one after the other, each batch is
acknowledged before the next, and after any error all memory is dropped and the tails are read again.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog

from events.envelope import seal
from events.facts.clock import ClockTicked
from events.topics import BILL_LINES, clock_source, commands_source
from services.kafka import BatchWriter, LogReader, Record
from services.postgres import CONNECT_SECONDS, STATEMENT_SECONDS
from services.relay import cursor
from services.relay.records import Outgoing, Place
from services.store.continuity import check_continuity
from services.store.events import CHANNEL
from services.store.generations import Generations, load_generations
from services.store.rows import envelope_of
from services.waiting import first_of
from services.worker import BACKOFF_S, TRANSIENT

QUARTER_S = 15 * 60
#: A notification may be lost with its connection; looking this often bounds what that costs.
LOOK_SECONDS = 5.0
STANDBY_SECONDS = 0.3
_WAITED_OUT: tuple[type[BaseException], ...] = (*TRANSIENT, cursor.CursorMovedError)
_log = structlog.get_logger(__name__)


class Relay:
    """One leadership: made after the lock is held, thrown away at the first error."""

    def __init__(
        self, connection: Any, writer: BatchWriter, generations: Generations, tails: dict[Place, dict[str, int]]
    ) -> None:
        self._connection, self._writer, self._generations = connection, writer, generations
        self._tails = tails
        self._position, self._tick = 0, 0

    async def load(self) -> None:
        """Begin where the last relay's acknowledgements ended."""
        self._position, self._tick = await cursor.read_cursor(self._connection)
        _log.info("relay_leads", position=self._position, partitions=self._generations.partitions)

    async def step(self) -> bool:
        """Carry the next events over; False when there are none."""
        rows = await cursor.next_events(self._connection, self._position)
        if not rows:
            return False
        outgoing = Outgoing()
        for row in rows:
            envelope = envelope_of(row, self._generations.commands)
            outgoing.add(envelope, row["partition"], self._generations.partitions)
        offsets = await self._append(outgoing, commands_source(self._generations.commands))
        newest = rows[-1]["position"]
        await cursor.move(self._connection, self._position, newest, offsets)
        self._position = newest
        return True

    async def tick(self, quarter: int) -> None:
        """Tell every partition and the catalog that this quarter hour has begun, unless it was told before."""
        if quarter <= self._tick:
            return
        now, source = datetime.fromtimestamp(quarter * QUARTER_S, UTC), clock_source(self._generations.commands)
        envelope = seal(ClockTicked(now=now), source=source, sequence=quarter, organization="", time=now)
        outgoing = Outgoing()
        outgoing.add(envelope, None, self._generations.partitions)
        offsets = await self._append(outgoing, source)
        await cursor.move_tick(self._connection, self._tick, quarter, offsets)
        self._tick = quarter

    async def _append(self, outgoing: Outgoing, source: str) -> dict[Place, int]:
        """Write what the tails do not hold yet, place by place; returns the next offset of each place written."""
        offsets = {}
        for place, numbered in outgoing.in_order():
            records = self._missing(place, numbered, source)
            if records:
                base, count = (await self._writer.append(*place, records))[-1]
                offsets[place] = base + count
        return offsets

    def _missing(self, place: Place, numbered: Sequence[tuple[int, Record]], source: str) -> list[Record]:
        # Bill lines carry no source; their consumers drop repeats by (position, line number).
        last = -1 if place[0] == BILL_LINES else self._tails.get(place, {}).get(source, -1)
        return [record for sequence, record in numbered if sequence > last]


async def run_relay(
    bootstrap: str,
    database_url: str,
    stop: asyncio.Event,
    *,
    ready: Callable[[], None] = lambda: None,
    wall_seconds: Callable[[], float] = time.time,
) -> None:
    """Lead whenever no other relay does, until `stop` is set. `ready` is called once it leads or stands by.

    Raises: LogWentBackError, StoreWentBackError, NotMigratedError; errors of a restarting server are waited out.
    """
    failures = 0
    while not stop.is_set():
        try:
            connection = await asyncpg.connect(database_url, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS)
            try:
                await _stand_by(connection, stop, ready)
                if not stop.is_set():
                    await _lead(connection, bootstrap, stop, ready, wall_seconds)
            finally:
                connection.terminate()
            failures = 0
        except _WAITED_OUT as error:
            _log.warning("relay_starts_anew", error=f"{type(error).__name__}: {error}")
            await first_of(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)], stop)
            failures += 1


async def _stand_by(connection: Any, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    first = True
    while not stop.is_set() and not await cursor.try_lead(connection):
        if first:
            _log.info("relay_stands_by")
            ready()
            first = False
        await first_of(STANDBY_SECONDS, stop)


async def _lead(
    connection: Any,
    bootstrap: str,
    stop: asyncio.Event,
    ready: Callable[[], None],
    wall_seconds: Callable[[], float],
) -> None:
    woken = asyncio.Event()
    await connection.add_listener(CHANNEL, lambda *_: woken.set())
    generations = await load_generations(connection)
    async with LogReader(bootstrap) as reader:
        tails = await check_continuity(connection, reader, generations)
    async with BatchWriter(bootstrap) as writer:
        relay = Relay(connection, writer, generations, tails)
        await relay.load()
        ready()
        while not stop.is_set():
            woken.clear()
            now = wall_seconds()
            await relay.tick(int(now // QUARTER_S))
            if not await relay.step():
                await first_of(min(LOOK_SECONDS, QUARTER_S - now % QUARTER_S), stop, woken)
