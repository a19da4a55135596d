"""The relay: follows `store.events` by position and appends to Kafka, never past an unacknowledged record.

Why nothing is lost: the cursor moves only after every record up to it is acknowledged, so whatever kills the relay, the
next one begins at or before the first record that is missing. Why nothing counts twice: what a relay finds in a
partition's tail is not appended again, and what still is (a record whose acknowledgement was lost and that lands later)
has a sequence that readers have passed. Why there is no gap: places are written one after the other, each batch is
acknowledged before the next, and after any error all memory is dropped and the tails are read again.

Ticks are numbered one after the other, not by the time that they tell: a clock may be set back.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import structlog

from events.actors import RELAY
from events.envelope import seal
from events.facts.bills import BillIssued
from events.facts.clock import ClockTicked
from events.sequence import LastSequences
from events.topics import BILL_LINES, CATALOG, clock_source, commands_source
from services.concurrency import first_of
from services.continuity.clocks import ClockWatch
from services.continuity.guard import Guard, guarded
from services.continuity.memory import note, note_writer, written
from services.continuity.tails import Tails, read_tails
from services.kafka import EPOCH, BatchWriter, LogReader, Mark, NoteWriter, Record, digest_of
from services.outage import until_stopped
from services.postgres import Connection, connected
from services.relay import cursor
from services.relay.records import Outgoing, Place
from services.run.process import Process, run_process
from services.store.bills import whole_bill
from services.store.events import CHANNEL
from services.store.generations import Generations, load_generations
from services.store.rows import envelope_of

QUARTER_S = 15 * 60
#: A notification may be lost with its connection; looking this often bounds what that costs.
LOOK_SECONDS = 5.0
STANDBY_SECONDS = 0.3
_NOW = "SELECT clock_timestamp()"
_log = structlog.get_logger(__name__)


class Relay:
    """One leadership: made after the lock is held, thrown away at the first error."""

    def __init__(
        self,
        connection: Connection,
        writer: BatchWriter,
        notes: NoteWriter,
        generations: Generations,
        tails: Tails,
        at: cursor.Cursor,
    ) -> None:
        self._connection, self._writer, self._notes, self._generations = connection, writer, notes, generations
        self._tails, self._at = tails, at
        self._clocks = ClockWatch()

    async def step(self) -> bool:
        """Carry the next events over; False when there are none."""
        rows = await cursor.next_events(self._connection, self._at.position)
        if not rows:
            return False
        outgoing = Outgoing()
        for row in rows:
            envelope = envelope_of(row, self._generations.commands)
            outgoing.add(envelope, row["partition"], self._generations.partitions)
            if isinstance(envelope.data, BillIssued):
                outgoing.add_lines(envelope, await whole_bill(self._connection, envelope), row["partition"])
        newest = rows[-1]["position"]
        await note(self._notes, self._generations, newest)
        marks = await self._append(outgoing, commands_source(self._generations.commands))
        await cursor.move(self._connection, self._at.position, newest, marks)
        self._at = self._at._replace(position=newest)
        return True

    async def tick(self, host_seconds: float) -> None:
        """Tell every partition and the catalog which quarter hour it is, unless it was told before.

        It is the earlier one of what this host's clock and Postgres's say: no clock is trusted alone.
        """
        if host_seconds // QUARTER_S == self._at.quarter:
            return
        postgres = await self._connection.fetchval(_NOW)
        quarter = int(min(host_seconds, postgres.timestamp()) // QUARTER_S)
        if quarter == self._at.quarter:
            return
        now, source = datetime.fromtimestamp(quarter * QUARTER_S, UTC), clock_source(self._generations.commands)
        sequence = 1 + max(self._at.tick, *(tail.get(source, 0) for tail in self._tails.values()))
        ticked = ClockTicked(now=now)
        envelope = seal(ticked, source=source, sequence=sequence, organization="", time=now, actor=RELAY)
        outgoing = Outgoing()
        outgoing.add(envelope, None, self._generations.partitions)
        # Kafka forgets a note that is not repeated for a week.
        await note(self._notes, self._generations, self._at.position)
        marks = await self._append(outgoing, source)
        await cursor.move_tick(self._connection, self._at.tick, sequence, quarter, marks)
        self._at = self._at._replace(tick=sequence, quarter=quarter)
        host, kafka = datetime.fromtimestamp(host_seconds, UTC), EPOCH + timedelta(milliseconds=marks[CATALOG, 0].ms)
        self._clocks.compare({"this host": host, "Postgres": postgres, "Kafka": kafka})

    async def _append(self, outgoing: Outgoing, source: str) -> dict[Place, Mark]:
        """Write what the tails do not hold yet, place by place; returns the last record of each place written."""
        marks = {}
        for place, numbered in outgoing.in_order():
            records = self._missing(place, numbered, source)
            if records:
                base, count, ms = (await self._writer.append(*place, records))[-1]
                marks[place] = Mark(base + count - 1, ms, digest_of(records[-1].key, records[-1].value))
        return marks

    def _missing(self, place: Place, numbered: Sequence[tuple[int, Record]], source: str) -> list[Record]:
        # Bill lines carry no source; their consumers drop repeats by (position, line number).
        there = LastSequences() if place[0] == BILL_LINES else self._tails.get(place, LastSequences())
        return there.missing(source, numbered)


async def run_relay(
    bootstrap: str,
    database_url: str,
    stop: asyncio.Event,
    *,
    ready: Callable[[], None] = lambda: None,
    wall_seconds: Callable[[], float] = time.time,
) -> None:
    """Lead whenever no other relay does, until `stop` is set. `ready` is called once it leads or stands by.

    Raises: BreakError, NotMigratedError; what passes by itself is waited out.
    """

    async def lead() -> None:
        async with connected(database_url) as connection:
            await _stand_by(connection, stop, ready)
            if not stop.is_set():
                guard = Guard(bootstrap, lambda: connected(database_url), await load_generations(connection))
                await guard.check()
                await guarded(guard, _lead(connection, bootstrap, stop, ready, wall_seconds))

    await until_stopped(stop, "relay_begins_anew", lead)


async def _stand_by(connection: Connection, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    first = True
    while not stop.is_set() and not await cursor.try_lead(connection):
        if first:
            _log.info("relay_stands_by")
            ready()
            first = False
        await first_of(STANDBY_SECONDS, stop)


async def _lead(
    connection: Connection,
    bootstrap: str,
    stop: asyncio.Event,
    ready: Callable[[], None],
    wall_seconds: Callable[[], float],
) -> None:
    woken = asyncio.Event()
    await connection.add_listener(CHANNEL, lambda *_: woken.set())
    connection.tell_when_closed(woken)  # then the next statement fails, and another relay may lead at once
    generations = await load_generations(connection)
    async with LogReader(bootstrap) as reader:
        tails = await read_tails(connection, reader, generations, await written(connection))
    at = await cursor.read_cursor(connection)
    async with BatchWriter(bootstrap) as writer, note_writer(bootstrap) as notes:
        relay = Relay(connection, writer, notes, generations, tails, at)
        _log.info("relay_leads", position=at.position, partitions=generations.partitions)
        ready()
        while not stop.is_set():
            woken.clear()
            now = wall_seconds()
            await relay.tick(now)
            if not await relay.step():
                await first_of(min(LOOK_SECONDS, QUARTER_S - now % QUARTER_S), stop, woken)


async def _relay(process: Process) -> None:
    await run_relay(
        process.endpoints.kafka_bootstrap, process.endpoints.database_url, process.stop, ready=process.ready
    )


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="Written once the relay works.")
def relay(ready_file: Path | None) -> None:
    """Carry facts from the event store to Kafka, in commit order, until Ctrl-C. Several may run: one leads."""
    run_process(_relay, ready_file)
