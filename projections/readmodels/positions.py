"""Table `positions`: how far a partition is folded, and under whose lease.

The compare-and-set on `next_offset` and `epoch` makes a projector's transaction happen once. It fails for a zombie,
because the next owner raised the epoch, and for any worker that folded from another offset (decision 9).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from events.facts.usage import RecordMark, UsageRead
from events.sources import LastSequences, usage_partition_of
from events.topics import EVENTS
from projections.calendar import later
from projections.readmodels import Table

TABLE = Table(
    "positions",
    hashed_by="topic || '/' || partition",
    ddl="""
CREATE TABLE positions (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,            -- lease: whoever raised it last may write
    sequences jsonb NOT NULL DEFAULT '{}',      -- source -> last sequence applied
    tick timestamptz,                           -- last ClockTicked of the real clock in this partition
    log_time timestamptz,                       -- newest time of a fact in this partition
    catalog_offset bigint NOT NULL DEFAULT 0,   -- next offset of billing.catalog that this partition's rows hold
    meters jsonb NOT NULL DEFAULT '{}',         -- meter -> offset of its first UsageRated: where a backfill starts
    mark jsonb,                                 -- the last record before next_offset: offset, ms of its append, digest
    moved_at_wall timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);
""",
)

#: $1 topic, $2 partitions. Raising the epoch fences off the previous owner of the partitions.
LEASE = """
INSERT INTO positions (topic, partition, next_offset, epoch)
SELECT $1, partition, 0, 1 FROM unnest($2::integer[]) AS given (partition) ORDER BY partition
ON CONFLICT (topic, partition) DO UPDATE SET epoch = positions.epoch + 1
RETURNING partition, next_offset, epoch, sequences::text, tick, log_time, catalog_offset, meters::text, mark::text
"""

#: $1 topic, $2 partitions. Without a lease: for readers in a snapshot.
READ = """
SELECT partition, next_offset, epoch, sequences::text, tick, log_time, catalog_offset, meters::text, mark::text
FROM positions WHERE topic = $1 AND partition = ANY ($2::integer[]) ORDER BY partition
"""

#: Returns the partitions that moved; a missing partition now belongs to another worker.
MOVE = """
UPDATE positions SET next_offset = given.next_offset, sequences = given.sequences::jsonb, tick = given.tick,
    log_time = given.log_time, catalog_offset = given.catalog_offset, meters = given.meters::jsonb,
    mark = given.mark::jsonb, moved_at_wall = now()
FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::timestamptz[],
            $8::timestamptz[], $9::bigint[], $10::text[], $11::text[])
    AS given (partition, epoch, expected, next_offset, sequences, tick, log_time, catalog_offset, meters, mark)
WHERE positions.topic = $1 AND positions.partition = given.partition
    AND positions.epoch = given.epoch AND positions.next_offset = given.expected
RETURNING positions.partition
"""

#: How far `usage` was read, by `UsageRead`; the source of that fact stands as the row's only sequence.
PUT_USAGE = """
INSERT INTO positions (topic, partition, next_offset, sequences, mark)
SELECT 'usage', partition, next_offset, jsonb_build_object(source, next_offset), mark::jsonb
FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::text[]) AS given (partition, next_offset, source, mark)
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset, sequences = excluded.sequences,
    mark = excluded.mark, moved_at_wall = now()
"""
USAGE_WIDTH = 4


class UsageRow(NamedTuple):
    """A row in the order of PUT_USAGE's arguments; `mark` as JSON."""

    partition: int
    next_offset: int
    source: str
    mark: str | None


def usage_row(source: str, read: UsageRead) -> UsageRow:
    """The row for how far a partition of `usage` was read, with the source that reported it."""
    mark = None if read.mark is None else read.mark.model_dump_json()
    return UsageRow(usage_partition_of(source), read.next_offset, source, mark)


@dataclass(slots=True)
class Position:
    """The position in a partition of `billing.events`. Offsets are next offsets; `stored` is what Postgres holds.

    `mark` is the last record before `next_offset`: offset, LogAppendTime in ms, hash in hexadecimal. Only its own
    methods move it; `sequences` move by `LastSequences.accepts`.
    """

    partition: int
    next_offset: int = 0
    epoch: int = 0
    sequences: LastSequences = field(default_factory=LastSequences)
    tick: datetime | None = None
    log_time: datetime | None = None
    catalog_offset: int = 0
    meters: dict[str, int] = field(default_factory=dict)
    mark: RecordMark | None = None
    stored: int = 0

    def pass_over(self, next_offset: int, mark: RecordMark | None = None) -> None:
        """Note that all records before this offset were applied; `mark` is the last record before it, None if there was
        none.
        """
        self.next_offset = max(self.next_offset, next_offset)
        if mark is not None:
            self.mark = mark

    def note_tick(self, now: datetime) -> None:
        """Note a tick of the real clock in this partition."""
        self.tick = later(self.tick, now)

    def note_usage(self, newest: datetime) -> None:
        """Note usage whose newest arrival is this one."""
        self.log_time = later(self.log_time, newest)

    def note_meters(self, offsets: Iterable[tuple[str, int]]) -> None:
        """Note usage of meters, each with its log offset, in order; only a meter's first offset is kept."""
        for meter, offset in offsets:
            self.meters.setdefault(meter, offset)

    def follow_catalog(self, next_offset: int) -> None:
        """Note that the rows are correct up to this offset of `billing.catalog`."""
        self.catalog_offset = next_offset

    def committed(self) -> None:
        """Note that Postgres now holds the values in memory."""
        self.stored = self.next_offset


def position_of(record: Mapping[str, Any]) -> Position:
    """The position in a row of LEASE or READ."""
    return Position(
        partition=record["partition"],
        next_offset=record["next_offset"],
        epoch=record["epoch"],
        sequences=LastSequences(json.loads(record["sequences"])),
        tick=record["tick"],
        log_time=record["log_time"],
        catalog_offset=record["catalog_offset"],
        meters=json.loads(record["meters"]),
        mark=None if record["mark"] is None else RecordMark.model_validate_json(record["mark"]),
        stored=record["next_offset"],
    )


def move_arguments(positions: list[Position]) -> list[Any]:
    """The arguments of MOVE, a list per column: for every position, its new values and the offset that the row must
    still have.
    """
    ordered = sorted(positions, key=lambda position: position.partition)
    return [
        EVENTS,
        [position.partition for position in ordered],
        [position.epoch for position in ordered],
        [position.stored for position in ordered],
        [position.next_offset for position in ordered],
        [json.dumps(position.sequences, sort_keys=True) for position in ordered],
        [position.tick for position in ordered],
        [position.log_time for position in ordered],
        [position.catalog_offset for position in ordered],
        [json.dumps(position.meters, sort_keys=True) for position in ordered],
        [position.mark and position.mark.model_dump_json() for position in ordered],
    ]
