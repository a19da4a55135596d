"""The relay: follows `store.events` by position and appends to Kafka, never past an unacknowledged record.

Why nothing is lost: the cursor moves only after every record up to it is acknowledged, so after a kill the next relay
begins at or before the first missing record. Why nothing counts twice: a relay does not append records that it finds in
a partition's tail. A record whose acknowledgement was lost and that lands later has a sequence that readers have
passed. Why there is no gap: in a partition each batch is acknowledged before the next, and after any error, once every
append has ended, all memory is dropped and the tails are read again.

Ticks are numbered consecutively, not by their time, because a clock may be set back.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from events.actors import RELAY
from events.codec import encode
from events.dates import from_ms
from events.envelope import Envelope, seal
from events.facts.alerts import Alert
from events.facts.base import Route
from events.facts.bills import BillIssued
from events.facts.clock import ClockTicked
from events.sources import LastSequences, clock_source, commands_source
from events.topics import BILL_LINES, CATALOG, EVENTS, NOTIFICATIONS
from projections.clock import QUARTER
from services.continuity.check import Tails
from services.continuity.guard import ClockWatch
from services.continuity.memory import note
from services.kafka import BatchWriter, LogReader, Mark, NoteWriter, Record, digest_of
from services.postgres import Connection
from services.relay import cursor
from services.relay.cursor import TopicPartition
from services.relay.notifications import notification_of
from services.sight.metrics import POSITION, RELAYED, STEP, TICKED
from services.store.events import whole_bill
from services.store.generations import Generations
from services.store.rows import envelope_of

QUARTER_S = QUARTER // timedelta(seconds=1)
_NOW = "SELECT clock_timestamp()"


class BillMembers(TypedDict):
    """The members of every invoicing record that describe its bill."""

    organization: str
    billId: str
    billAccountId: str
    billDate: str
    currency: str


@dataclass(slots=True)
class Outgoing:
    """Records by topic and partition, in the order of writing.

    `billing.events` comes before `billing.catalog`: ingest learns of an account from the catalog, so usage can never
    precede its account in the log. Each record stands with its sequence.
    """

    log: dict[TopicPartition, list[tuple[int, Record]]] = field(default_factory=lambda: defaultdict(list))
    catalog: dict[TopicPartition, list[tuple[int, Record]]] = field(default_factory=lambda: defaultdict(list))
    #: Records derived from facts for outside consumers: lines of bills, and alerts.
    derived: dict[TopicPartition, list[tuple[int, Record]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, envelope: Envelope, partition: int | None, partitions: int) -> None:
        """Add the fact's record to the topics of its route; `partition` is its account's."""
        record = Record((envelope.account or envelope.organization).encode() or None, encode(envelope))
        for topic_partition in topic_partitions(envelope.data.route, partition, partitions):
            target = self.catalog if topic_partition[0] == CATALOG else self.log
            target[topic_partition].append((envelope.sequence, record))

    def add_lines(self, envelope: Envelope, bill: BillIssued, partition: int) -> None:
        """Add the lines of a whole bill for invoicing."""
        records = line_records(envelope, bill)
        self.derived[BILL_LINES, partition] += [(envelope.sequence, record) for record in records]

    def add_alert(self, envelope: Envelope, alert: Alert, partition: int) -> None:
        """Add an alert for its consumers."""
        self.derived[NOTIFICATIONS, partition].append((envelope.sequence, notification_of(envelope, alert)))

    @property
    def in_order(self) -> Iterable[Mapping[TopicPartition, list[tuple[int, Record]]]]:
        """The records by partition; all of a group are acknowledged before the next is written."""
        return self.log, self.catalog, self.derived


def topic_partitions(route: Route, partition: int | None, partitions: int) -> list[TopicPartition]:
    """Topic and partition of each record of a fact with this route."""
    everywhere: list[TopicPartition] = [(EVENTS, number) for number in range(partitions)]
    own: list[TopicPartition] = [] if partition is None else [(EVENTS, partition)]
    match route:
        case Route.CATALOG:
            return [(CATALOG, 0)]
        case Route.ACCOUNT:
            return own
        case Route.BOTH:
            return [*own, (CATALOG, 0)]
        case Route.EVERYWHERE:
            return [*everywhere, (CATALOG, 0)]


def line_records(envelope: Envelope, bill: BillIssued) -> list[Record]:
    """The lines of a whole bill for invoicing consumers, keyed by billing account, as of the event that issued it.

    A consumer that keeps the last (position, line number) per partition drops records repeated after a crash.
    """
    shared = BillMembers(
        organization=envelope.organization,
        billId=bill.bill_id,
        billAccountId=bill.account_id,
        billDate=bill.bill_date.isoformat(),
        currency=bill.currency,
    )
    position = str(envelope.sequence).encode()
    return [
        Record(
            bill.root_id.encode(),
            _compact({**shared, **line.model_dump(mode="json", by_alias=True, exclude_none=True)}),
            [("position", position), ("line", str(line.number).encode())],
        )
        for line in bill.lines
    ]


def _compact(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


class Relay:
    """One term of leadership: made after the lock is held, discarded at the first error."""

    def __init__(
        self,
        connection: Connection,
        reader: LogReader,
        writer: BatchWriter,
        notes: NoteWriter,
        generations: Generations,
        tails: Tails,
        at: cursor.Cursor,
    ) -> None:
        self._connection, self._reader, self._writer, self._notes = connection, reader, writer, notes
        self._generations, self._tails, self._at = generations, tails, at
        self._clocks = ClockWatch()
        self._ends: dict[TopicPartition, int] = {}

    async def step(self) -> bool:
        """Carry the next events over; False when there are none."""
        started = time.monotonic()
        rows = await cursor.next_events(self._connection, self._at.position)
        if not rows:
            return False
        outgoing = Outgoing()
        for row in rows:
            envelope = envelope_of(row, self._generations.commands)
            outgoing.add(envelope, row["partition"], self._generations.partitions)
            if isinstance(envelope.data, BillIssued):
                outgoing.add_lines(envelope, await whole_bill(self._connection, envelope), row["partition"])
            elif isinstance(envelope.data, Alert):
                outgoing.add_alert(envelope, envelope.data, row["partition"] or 0)
        newest = rows[-1]["position"]
        await note(self._notes, self._generations, newest)
        marks = await self._append(outgoing, commands_source(self._generations.commands))
        await cursor.move(self._connection, self._at.position, newest, marks)
        self._at = self._at._replace(position=newest)
        POSITION.set(newest)
        RELAYED.observe(len(rows))
        STEP.observe(time.monotonic() - started)
        return True

    async def tick(self, host_seconds: float) -> None:
        """Write the present quarter hour to every partition and the catalog, unless it was written before.

        It is the earlier of this host's and Postgres's clock, because no clock is trusted alone.
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
        # Kafka forgets a committed offset that is not repeated for a week.
        await note(self._notes, self._generations, self._at.position)
        marks = await self._append(outgoing, source)
        await cursor.move_tick(self._connection, self._at.tick, sequence, quarter, marks)
        self._at = self._at._replace(tick=sequence, quarter=quarter)
        TICKED.set(quarter * QUARTER_S)
        host, kafka = datetime.fromtimestamp(host_seconds, UTC), from_ms(marks[CATALOG, 0].ms)
        self._clocks.compare({"this host": host, "Postgres": postgres, "Kafka": kafka})

    async def reach(self) -> None:
        """Note the present end of the log, so that the next relay searches for this relay's records only behind it.

        Others write into the same partitions, millions of records between two of ours. Between two steps no record of
        this relay is on its way, so all stand before the ends; late records of an earlier relay land behind them.
        """
        of_log = await self._reader.end_offsets(EVENTS, range(self._generations.partitions))
        of_catalog = await self._reader.end_offsets(CATALOG, [0])
        ends: dict[TopicPartition, int] = {(EVENTS, partition): end for partition, end in of_log.items()}
        ends[CATALOG, 0] = of_catalog[0]
        if ends != self._ends:
            await cursor.put_reached(self._connection, ends)
            self._ends = ends

    async def _append(self, outgoing: Outgoing, source: str) -> dict[TopicPartition, Mark]:
        """Write the records that the tails lack, to the partitions of a group side by side. Returns each partition's
        last record.

        When this raises, every append has ended, successful or not: one left in the background could land behind the
        end of the tails that are read next.
        """
        marks = {}
        for group in outgoing.in_order:
            missing = {at: self._missing(at, numbered, source) for at, numbered in sorted(group.items())}
            missing = {at: records for at, records in missing.items() if records}
            appends = (self._writer.append(*at, records) for at, records in missing.items())
            results = await asyncio.gather(*appends, return_exceptions=True)
            for (at, records), result in zip(missing.items(), results, strict=True):
                if isinstance(result, BaseException):
                    raise result
                base, count, ms = result[-1]
                if at[0] != NOTIFICATIONS:  # lost notifications stay lost: none is sent a second time
                    marks[at] = Mark(base + count - 1, ms, digest_of(records[-1].key, records[-1].value))
        return marks

    def _missing(
        self, topic_partition: TopicPartition, numbered: Sequence[tuple[int, Record]], source: str
    ) -> list[Record]:
        # These records have no source; their consumers drop repeats by (position, line number), and by an alert's id.
        is_derived = topic_partition[0] in (BILL_LINES, NOTIFICATIONS)
        there = LastSequences() if is_derived else self._tails.get(topic_partition, LastSequences())
        return there.missing(source, numbered)
