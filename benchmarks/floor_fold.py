"""A leg of the floor: decode, fold into a dict, write the product's rows. Started by `floor`.

Each transaction has the statements of the projector's, with as many rows as it writes for the same accounts and days.
What they hold is not right (nothing is rated or settled), only as long; `spent` is the account's quantity.
"""

import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import uvloop
from aiokafka import ConsumerRecord, TopicPartition

from benchmarks.floor import SCHEMA
from benchmarks.floor_rows import Patterns
from benchmarks.task import Task
from benchmarks.waiting import pass_gate
from events.sources import DIGEST_BYTES
from events.topics import EVENTS
from projections.readmodels import (
    accrued_lines,
    balances,
    columns,
    draws,
    due,
    outlooks,
    positions,
    seen_ids,
    usage_totals,
)
from projections.readmodels.usage_totals import TotalRow
from services.garbage import tune_garbage_collection
from services.kafka import FETCH_BYTES, new_consumer
from services.projector.cli import MAX_RECORDS
from services.projector.write_pace import Pace


class Measure(msgspec.Struct, gc=False):
    """The one field that is summed."""

    calls: int


class Data(msgspec.Struct, gc=False):
    """The part of the event's data that is folded."""

    meter: str
    measure: Measure


class Event(msgspec.Struct, gc=False):
    """The fields that the projector takes out of a record, as the cheapest types."""

    id: str
    source: str
    subject: str
    time: str
    organization: str
    data: Data


_DECODE = msgspec.json.Decoder(list[Event]).decode


class Folded:
    """Totals in memory, and what is not written yet."""

    def __init__(self, task: Task, patterns: Patterns) -> None:
        self._task, self._patterns = task, patterns
        #: (account code, day) -> quantity and number of events; account code -> quantity and partition.
        self.days: dict[tuple[str, str], list[int]] = {}
        self.accounts: dict[str, list[int]] = {}
        self.touched: set[tuple[str, str]] = set()
        self.seen: dict[int, int] = {}
        self.records = 0

    def fold(self, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> int:
        """Add a poll's events; returns how many there were."""
        folded, days, accounts, touched = 0, self.days, self.accounts, self.touched
        for topic_partition, records in fetched.items():
            for event in _DECODE(b"[" + b",".join([record.value for record in records]) + b"]"):
                key, calls = (event.subject, event.time[:10]), event.data.measure.calls
                total = days.get(key)
                if total is None:
                    total = days[key] = [0, 0]
                    accounts.setdefault(event.subject, [0, topic_partition.partition])
                total[0] += calls
                total[1] += 1
                accounts[event.subject][0] += calls
                touched.add(key)
            self._patterns.positions[topic_partition.partition].pass_over(records[-1].offset + 1)
            self.seen[topic_partition.partition] = self.seen.get(topic_partition.partition, 0) + len(records)
            folded += len(records)
        self.records += folded
        return folded

    async def write(self, connection: Any) -> None:
        """The transaction of `services.projection.write`, statement by statement."""
        async with connection.transaction():
            await connection.fetchval("SELECT name FROM store.live_schema FOR SHARE")
            await connection.execute("SELECT set_config('search_path', $1, true)", SCHEMA)
            await connection.fetch(positions.MOVE, *positions.move_arguments(self._patterns.positions))
            await self._write_seen(connection)
            await self._write_totals(connection)
            partitions = list(range(self._task.partitions))
            await connection.fetch(due.NEXT, partitions, 200)
            await self._write_settled(connection)
        for position in self._patterns.positions:
            position.committed()
        self.touched, self.seen, self.records = set(), {}, 0

    async def _write_seen(self, connection: Any) -> None:
        now, stored = datetime.now(UTC), {position.partition: position.stored for position in self._patterns.positions}
        rows = [
            (partition, stored[partition], now, os.urandom(DIGEST_BYTES * count))
            for partition, count in sorted(self.seen.items())
        ]
        await connection.execute(seen_ids.INSERT, *columns(rows, seen_ids.WIDTH))
        limits = [(partition, now - seen_ids.WINDOW) for partition in sorted(self.seen)]
        await connection.execute(seen_ids.DROP_OLD, *columns(limits, 2))

    async def _write_totals(self, connection: Any) -> None:
        task, by_partition = self._task, dict[int, list[TotalRow]]()
        for code, day in self.touched:
            quantity, count = self.days[code, day]
            partition = self.accounts[code][1]
            key = (task.accounts[code], self._patterns.aggregation, "", date.fromisoformat(day))
            row = TotalRow(*key, partition, task.organization, count, Decimal(quantity), None, 0, count)
            by_partition.setdefault(partition, []).append(row)
        for _, rows in sorted(by_partition.items()):
            rows.sort()
            await connection.execute(usage_totals.UPSERT, *columns(rows, usage_totals.WIDTH))

    async def _write_settled(self, connection: Any) -> None:
        codes = {code for code, _ in self.touched}
        rows = self._patterns.settled({self._task.accounts[code]: self.accounts[code][0] for code in codes})
        roots = [row.root_id for row in rows.balances]
        await connection.execute(balances.DROP_OTHERS, roots, [row.commitment_id for row in rows.balances])
        await connection.execute(draws.DROP_EXCESS, roots, [1] * len(roots))
        await connection.execute(accrued_lines.DROP_EXCESS, roots, [2] * len(roots))
        await connection.execute(outlooks.DROP_EXCESS, roots, [1] * len(roots))
        await connection.execute(balances.UPSERT, *columns(rows.balances, balances.WIDTH))
        await connection.execute(draws.UPSERT, *columns(rows.draws, draws.WIDTH))
        await connection.execute(accrued_lines.UPSERT, *columns(rows.lines, accrued_lines.WIDTH))
        await connection.execute(outlooks.UPSERT, *columns(rows.outlooks, outlooks.WIDTH))
        await connection.execute(due.SETTLED, roots)


async def main(task: Task) -> None:
    """Fold until stopped, with the projector's rule of when to write."""
    consumer = new_consumer(
        task.cluster,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    connection, patterns = await asyncpg.connect(task.database_url), Patterns()
    await connection.execute("SELECT set_config('search_path', $1, false)", task.live)
    await patterns.load(connection, task.partitions)
    await connection.execute("SELECT set_config('search_path', $1, false)", SCHEMA)
    leased = await connection.fetch(positions.LEASE, EVENTS, list(range(task.partitions)))
    for position, row in zip(patterns.positions, sorted(leased, key=lambda row: row["partition"]), strict=True):
        position.epoch, position.stored, position.next_offset = row["epoch"], 0, 0
    tune_garbage_collection()
    await pass_gate(connection)
    consumer.assign([TopicPartition(task.copy, partition) for partition in range(task.partitions)])
    folded, pace, written = Folded(task, patterns), Pace(), time.monotonic()
    while True:
        fetched = await consumer.getmany(timeout_ms=50, max_records=MAX_RECORDS)
        if events := folded.fold(fetched):
            pace.folded(events)
        waited = time.monotonic() - written
        if folded.records and pace.due(folded.records, waited):
            started = written = time.monotonic()
            await folded.write(connection)
            pace.wrote(started)


if __name__ == "__main__":
    uvloop.run(main(Task.given()))
