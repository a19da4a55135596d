"""The event store: append to `store.events`, by streams, and read how far it and the relay are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from events.bill_parts import BillParts
from events.codec import encode
from events.envelope import Envelope
from events.facts.base import Fact, Route
from events.facts.bills import BillFact, BillIssued
from services.failures import Worded
from services.postgres.locks import Lock
from services.store.conditions import OF_BILL
from services.store.fence import IDENTITY
from services.store.generations import GENERATIONS, Generations, generations_of
from services.store.lost_rows import RELAY, LostRowsError
from services.store.rows import COLUMNS, envelope_of

CHANNEL = "store_events"
#: Sends a notification when the relay has published, so that waiters need not poll.
RELAYED = "store_relayed"
#: Room for the batch and headers around a record, so that an accepted record never fails to be relayed.
BATCH_ROOM_BYTES = 64 * 1024
#: Largest size of an envelope beside its fact: ids, names and instants.
ENVELOPE_BYTES = 4 * 1024

# Why a lock, when the position comes from a sequence that is safe by itself: a sequence gives numbers in the order of
# the INSERTs, but rows become visible in the order of the COMMITs. Writer A inserts 7, writer B inserts 8 and commits;
# a follower that reads "everything after 6" now sees 8, remembers 8, and never sees 7, which A commits a moment later.
# The relay is such a follower, and what it skips is lost for every read model, for ever. Tried without the lock: it
# happens within seconds under two writers. With it, the holder commits before the next position is given, so position
# order is commit order. The lock belongs to the transaction: it goes with COMMIT, ROLLBACK or a lost connection, never
# later. It is taken last, right before the INSERT, so that different organizations load and decide side by side.
# Followers are notified at the commit, wherever in the transaction the notification stands.
_LOCK = f"SELECT pg_advisory_xact_lock($1), {IDENTITY} AS identity, pg_notify('{CHANNEL}', '')"
_INTO = """
INSERT INTO store.events (organization, stream, version, route, partition, account, type, schema_version, time,
                          correlation, causation, actor, data)
"""
_INSERT = f"{_INTO} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING {COLUMNS}"
# One statement for both: the position is assigned with the inserted row, which exists only once the lock is held.
_LOCK_AND_INSERT = f"""
WITH locked AS MATERIALIZED ({_LOCK.replace("$1", "$14")})
{_INTO}
SELECT $1::text, $2::text, $3::bigint, $4::text, $5::integer, $6::text, $7::text, $8::integer, $9::timestamptz,
       $10::text, $11::text, $12::text, $13::json
FROM locked
RETURNING {COLUMNS}, (SELECT identity FROM locked) AS identity
"""
#: Both also serve as parts of other queries.
HEAD = "SELECT coalesce(max(position), 0) FROM store.events"
RELAYED_TO = "SELECT position FROM store.relay"
_STANDING = f"SELECT ({HEAD}) AS head, ({GENERATIONS}) AS generations"
_NEWEST_SHARED = f"""
SELECT coalesce(max(position), 0) FROM store.events
WHERE position > $1 AND position <= $2 AND route <> '{Route.ACCOUNT.value}'
"""
_STREAM_VERSION = "SELECT coalesce(max(version), 0) FROM store.events WHERE organization = $1 AND stream = $2"
#: A look-up per stream, however many versions it has; $1 organization, $2 streams.
_STREAM_VERSIONS = """
SELECT stream, (SELECT max(version) FROM store.events held WHERE held.organization = $1 AND held.stream = asked.stream)
FROM unnest($2::text[]) AS asked (stream)
"""
_STREAM = f"SELECT version, {COLUMNS} FROM store.events WHERE organization = $1 AND stream = $2 ORDER BY version"
_PARTS = f"""
SELECT {COLUMNS} FROM store.events
WHERE organization = $1 AND {OF_BILL} AND type = 'BillLinesIssued' AND position < $3
ORDER BY position
"""


class StreamMovedError(Worded):
    """stream {stream} of {organization} has a version {version} already: somebody else was faster"""

    def __init__(self, organization: str, stream: str, version: int) -> None:
        super().__init__(stream=stream, organization=organization, version=version)


class RecordTooLargeError(Worded):
    """a {type} of {size} bytes is over the {limit} bytes that a record of the log may have"""

    def __init__(self, type_name: str, size: int, limit: int) -> None:
        super().__init__(type=type_name, size=size, limit=limit)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact with its place: `version` is the stream's version including this fact, that is, the expected version plus
    one.
    """

    organization: str
    stream: str
    version: int
    fact: Fact
    time: datetime
    account: str | None = None
    #: Partition of `billing.events`; needed by the routes ACCOUNT and BOTH.
    partition: int | None = None
    correlation: str | None = None
    causation: str | None = None
    actor: str | None = None


def fact_room(generations: Generations) -> int:
    """The bytes of JSON that a fact may have so that its record is surely not too large."""
    return generations.record_bytes - BATCH_ROOM_BYTES - ENVELOPE_BYTES


async def lock_appends(connection: Any) -> None:
    """Keep others from appending until the caller's transaction ends: what is read now is still true when it
    appends.
    """
    await connection.execute(_LOCK, Lock.APPEND)


async def append(connection: Any, events: Sequence[NewEvent], generations: Generations) -> list[Envelope]:
    """Insert the events in order, inside the caller's transaction; returns their envelopes in the log.

    Nothing is durable before the caller's commit. Raises: StreamMovedError when a version is taken (the transaction is
    then over: decide again in a new one), RecordTooLargeError; NotComparedError of a connection with a fence.
    """
    envelopes = list[Envelope]()
    for event in events:
        locking = () if envelopes else (Lock.APPEND,)
        envelopes.append(await _insert(connection, event, generations, *locking))
    return envelopes


async def _insert(connection: Any, event: NewEvent, generations: Generations, *locking: int) -> Envelope:
    """Insert the events. `locking`: the lock under which positions are assigned, if it must be taken first."""
    fact = event.fact
    if fact.route in (Route.ACCOUNT, Route.BOTH) and event.partition is None:
        raise ValueError(f"{type(fact).__name__} needs a partition")
    data = fact.model_dump_json(by_alias=True, exclude_unset=True)
    try:
        row = await connection.fetchrow(
            _LOCK_AND_INSERT if locking else _INSERT,
            event.organization,
            event.stream,
            event.version,
            fact.route.value,
            event.partition,
            event.account,
            type(fact).__name__,
            fact.schema_version,
            event.time,
            event.correlation,
            event.causation,
            event.actor,
            data,
            *locking,
        )
    except asyncpg.UniqueViolationError as error:
        raise StreamMovedError(event.organization, event.stream, event.version) from error
    if locking and connection.fence is not None:
        connection.fence.check(row["identity"])
    envelope, limit = envelope_of(row, generations.commands), generations.record_bytes - BATCH_ROOM_BYTES
    if (size := len(encode(envelope))) > limit:
        raise RecordTooLargeError(type(fact).__name__, size, limit)
    return envelope


async def head(connection: Any) -> int:
    """Position of the newest committed event; 0 before the first."""
    return int(await connection.fetchval(HEAD))


async def head_and_generations(connection: Any) -> tuple[int, Generations]:
    """The head, and the valid generations, in one query for frequent callers. Raises: NotMigratedError."""
    row = await connection.fetchrow(_STANDING)
    return int(row["head"]), generations_of(row["generations"])


async def newest_shared(connection: Any, after: int, until: int) -> int:
    """The position of the newest event after `after` and up to `until` that goes into the catalog; 0 if none does."""
    return int(await connection.fetchval(_NEWEST_SHARED, after, until))


async def relayed(connection: Any) -> int:
    """The position up to which Kafka has acknowledged everything. Raises: LostRowsError."""
    position = await connection.fetchval(RELAYED_TO)
    if position is None:
        raise LostRowsError(tables=RELAY)
    return int(position)


async def stream_version(connection: Any, organization: str, stream: str) -> int:
    """The stream's newest version; 0 for a stream that does not exist."""
    return int(await connection.fetchval(_STREAM_VERSION, organization, stream))


async def stream_versions(connection: Any, organization: str, streams: Iterable[str]) -> dict[str, int]:
    """The newest version of each of these streams; 0 for one that does not exist."""
    rows = await connection.fetch(_STREAM_VERSIONS, organization, sorted(streams))
    return {stream: version or 0 for stream, version in rows}


async def read_stream(connection: Any, organization: str, stream: str, generation: str) -> list[tuple[int, Envelope]]:
    """The stream's events, oldest first, each with its version in the stream."""
    rows = await connection.fetch(_STREAM, organization, stream)
    return [(row["version"], envelope_of(row, generation)) for row in rows]


async def whole_bill(connection: Any, envelope: Envelope) -> BillIssued:
    """The bill that an event of the store issues, with all its lines. Raises: BrokenBillError."""
    bill = envelope.data
    assert isinstance(bill, BillIssued)
    if not bill.lines_before:
        return bill
    parts = BillParts()
    for row in await connection.fetch(_PARTS, envelope.organization, bill.bill_id, envelope.sequence):
        part = envelope_of(row, "").data
        assert isinstance(part, BillFact)
        parts.whole(part)
    whole = parts.whole(bill)
    assert isinstance(whole, BillIssued)
    return whole
