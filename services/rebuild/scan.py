"""The log's content from the event store, ticks and `usage`: read once, and kept in a temporary table.

A record is ours if its id follows from its source and sequence, in any generation: a lost Postgres took the names of
generations with it, and the sources in the log give them back.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from events.codec import decode
from events.envelope import event_id
from events.facts.usage import UsageRead
from events.sources import KINDS, LastSequences, usage_partition_of
from events.topics import USAGE
from projections.not_json import NOT_JSON
from projections.readmodels import columns
from services.continuity.check import log_partitions
from services.continuity.memory import Known, mark_of_fact
from services.failures import ExpectedFailure, Worded
from services.kafka import FetchedRecord, LogReader, Mark, mark_of
from services.store.generations import COMMANDS

Place = tuple[str, int]

_MAKE = """
CREATE TEMPORARY TABLE found (
    sequence bigint NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record bytea NOT NULL
)
"""
_DROP = "DROP TABLE IF EXISTS pg_temp.found"
_PUT = "INSERT INTO found SELECT * FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bytea[])"
_INDEX = "CREATE INDEX ON found (sequence)"
#: Kinds of sources by the part whose generation they name.
_KINDS = {COMMANDS: ("commands", "clock"), USAGE: ("usage", "read")}
_CURRENT = "SELECT generation FROM store.generations WHERE part = $1"
_PAST = "SELECT generation FROM store.past_generations WHERE part = $1"
_ADD_PAST = "INSERT INTO store.past_generations (part, generation) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_SET = """
INSERT INTO store.generations (part, generation) VALUES ($1, $2)
ON CONFLICT (part) DO UPDATE SET generation = EXCLUDED.generation, begins = '{}', made_at = now()
"""


class _Named(msgspec.Struct):
    source: str
    sequence: int
    id: str


_NAMED = msgspec.json.Decoder(_Named)


class Generation(NamedTuple):
    """A generation name in sources of the log."""

    kind: str
    name: str


@dataclass(slots=True)
class Scan:
    """The results of a scan; facts of the event store stand in the table `found`."""

    #: LogAppendTime in ms of the newest record of each generation.
    newest: dict[Generation, int] = field(default_factory=dict)
    #: Last record of each partition.
    marks: dict[Place, Mark] = field(default_factory=dict)
    #: Highest position of an event of the store in each partition.
    last: dict[Place, int] = field(default_factory=dict)
    #: Highest sequence of a tick.
    tick: int = 0
    #: How far `usage` was read, by the source that reported it.
    usage: dict[str, Known] = field(default_factory=dict)
    records: int = 0
    strangers: int = 0
    #: Sources of usage whose ids were checked: there are too many records to check each.
    _known: set[str] = field(default_factory=set)
    #: For `UsageRead`, whose sequence is its next offset.
    _read: LastSequences = field(default_factory=LastSequences)

    def take(self, partition: Place, records: Sequence[FetchedRecord]) -> list[tuple[int, str, int, bytes]]:
        """Note a partition's next records; returns the rows of `found`."""
        rows = []
        for record in records:
            named = self._ours(record)
            if named is None:
                self.strangers += 1
                continue
            kind, _, rest = named.source.partition("/")
            self.newest[Generation(kind, rest.partition("/")[0])] = record.timestamp
            match kind:
                case "commands":
                    rows.append((named.sequence, *partition, record.value))
                case "clock":
                    self.tick = max(self.tick, named.sequence)
                case "read":
                    self._note_usage(named, record.value)
        if rows:
            self.last[partition] = max(self.last.get(partition, 0), *(row[0] for row in rows))
        self.records += len(records)
        self.marks[partition] = mark_of(records[-1])
        return rows

    def _ours(self, record: FetchedRecord) -> _Named | None:
        try:
            named = _NAMED.decode(record.value or b"")
        except NOT_JSON:
            return None
        if named.source in self._known:
            return named
        kind = named.source.partition("/")[0]
        if kind not in KINDS or named.id != str(event_id(named.source, named.sequence)):
            return None
        if kind == "usage":
            self._known.add(named.source)
        return named

    def _note_usage(self, named: _Named, value: bytes) -> None:
        if self._read.accepts(named.source, named.sequence):
            fact = decode(value).data
            assert isinstance(fact, UsageRead)
            mark = mark_of_fact(fact.mark)
            self.usage[named.source] = Known(USAGE, usage_partition_of(named.source), fact.next_offset, mark)


async def scan(connection: Any, reader: LogReader, partitions: int, starts: Mapping[Place, int]) -> Scan:
    """Read the log from these offsets on, by default from its beginning.

    Raises: KafkaUnreachableError, LogHoleError, UndecodableRecordError.
    """
    await connection.execute(_DROP)
    await connection.execute(_MAKE)
    scan = Scan()
    for partition in log_partitions(partitions):
        end = (await reader.end_offsets(partition[0], [partition[1]]))[partition[1]]
        async for records in reader.read(*partition, starts.get(partition, 0), end):
            rows = scan.take(partition, records)
            if rows:
                await connection.execute(_PUT, *columns(rows, 4))
    await connection.execute(_INDEX)
    return scan


class AnotherLogError(Worded, ExpectedFailure):
    """the log is of store {found}, but this database holds store {held}: they never belonged together; give the
    database that this log is of, or an empty one
    """

    def __init__(self, found: str, held: str) -> None:
        super().__init__(found=found, held=held)


async def adopt_names(connection: Any, seen: Scan, *, is_new: bool) -> None:
    """Record generations that the log has and the database lacks. `is_new`: the database has no events of its own. One
    that has lost its name takes the log's.

    Raises: AnotherLogError.
    """
    await _adopt(connection, seen, COMMANDS, may_change=is_new)
    await _adopt(connection, seen, USAGE, may_change=True)


async def _adopt(connection: Any, seen: Scan, part: str, *, may_change: bool) -> None:
    by_age = sorted((ms, generation.name) for generation, ms in seen.newest.items() if generation.kind in _KINDS[part])
    named = [name for _, name in by_age]
    stored = await connection.fetchval(_CURRENT, part)
    past = {row["generation"] for row in await connection.fetch(_PAST, part)}
    unknown = [name for name in named if name != stored and name not in past]
    if unknown and stored is not None and not may_change:
        raise AnotherLogError(unknown[-1], stored)
    current = unknown[-1] if unknown else stored or secrets.token_hex(4)
    if current != stored:
        await connection.execute(_SET, part, current)
    for name in {*named} - {current}:
        await connection.execute(_ADD_PAST, part, name)
