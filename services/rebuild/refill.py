"""Inserts events that the log holds and Postgres has lost at their positions, and names events that contradict the
log.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from events.codec import decode, encode
from events.envelope import Envelope
from events.facts.base import Route
from events.facts.bills import BillFact
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster
from services.rebuild.scan import Place
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import stream_of

_BATCH = 1_000
_FOUND = """
SELECT sequence, (array_agg(record))[1] AS record, min(partition) FILTER (WHERE topic = 'billing.events') AS partition
FROM found GROUP BY sequence ORDER BY sequence
"""
_HELD = f"SELECT {COLUMNS} FROM store.events WHERE position = $1"
#: $1 topic, $2 partition, $3 and $4 positions, exclusive and inclusive.
_MISSING = """
SELECT position FROM store.events
WHERE position > $3 AND position <= $4
    AND CASE WHEN $1 = 'billing.catalog' THEN route <> 'account'
        ELSE route = 'everywhere' OR (partition = $2 AND route <> 'catalog') END
    AND NOT EXISTS (
        SELECT FROM found WHERE sequence = position AND found.topic = $1 AND found.partition = $2
    )
ORDER BY position
"""
_INSERT = """
INSERT INTO store.events (position, organization, stream, version, route, partition, account, type, schema_version,
                          time, correlation, causation, actor, data)
OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
_NEXT_VERSION = """
SELECT coalesce(max(version), 0) + 1 FROM store.events WHERE organization = $1 AND stream = $2 AND position < $3
"""
#: Events that Kafka never acknowledged, from position $1 on, and that the log does not hold.
_BEHIND = """
SELECT position FROM store.events
WHERE position >= $1 AND position > $2 AND NOT EXISTS (SELECT FROM found WHERE sequence = position)
"""
_UNFINISHED = """
SELECT part.organization, part.data->>'billId' AS bill_id, count(*) AS parts FROM store.events AS part
WHERE part.type = 'BillLinesIssued' AND part.position > $1 AND NOT EXISTS (
    SELECT FROM store.events AS bill
    WHERE bill.organization = part.organization AND bill.stream = part.stream AND bill.type = 'BillIssued'
        AND bill.data->>'billId' = part.data->>'billId' AND bill.position > part.position
)
GROUP BY part.organization, bill_id ORDER BY min(part.position)
"""
_DELETE = f"DELETE FROM store.events WHERE position = ANY ($1::bigint[]) RETURNING {COLUMNS}"
_COUNT = "SELECT count(*) FROM store.events WHERE position > $1"
_SEQUENCE = "SELECT setval(pg_get_serial_sequence('store.events', 'position'), greatest($1::bigint, 1), $1::bigint > 0)"


class StrayEventsError(Worded, ExpectedFailure):
    """the store holds {count} events (at {shown}) that it took after Postgres was restored and that the log cannot take
    any more; run `trueup rebuild-store --discard`: it removes them and prints each as JSON, to be given again
    """

    def __init__(self, positions: list[int]) -> None:
        super().__init__(count=len(positions), shown=_shown(positions))


class LogLostError(Worded, ExpectedFailure):
    """{topic}/{partition} lacks {count} events of the store (at {shown}) that Kafka had acknowledged, though not only
    at its end: the topic was made anew. What it held of usage stands nowhere else: restore Kafka's data
    """

    def __init__(self, partition: Place, positions: list[int]) -> None:
        super().__init__(topic=partition[0], partition=partition[1], count=len(positions), shown=_shown(positions))


class Held(NamedTuple):
    """The state of a topic partition: its last event, and the event after which all its content was found."""

    last: int
    since: int


class Unfinished(NamedTuple):
    """A divided bill whose end was never relayed before the store was lost: it is not issued."""

    organization: str
    bill_id: str
    parts: int


class _Raw(msgspec.Struct):
    """The fact in its original bytes."""

    schema: int
    data: msgspec.Raw


_RAW = msgspec.json.Decoder(_Raw)


async def check_log(connection: Any, cluster: Cluster, places: Mapping[Place, Held], acknowledged: int) -> None:
    """Check that every partition holds all acknowledged events from the first on, and lacks at most its end. Raises:
    LogLostError.
    """
    for partition, bounds in places.items():
        upper = min(bounds.last, acknowledged) if bounds.last else acknowledged
        missing = await _missing(connection, partition, bounds.since, upper)
        if missing:
            raise LogLostError((cluster.topic(partition[0]), partition[1]), missing)


async def strays(connection: Any, generation: str, places: Mapping[Place, Held], acknowledged: int) -> list[int]:
    """Positions of events that Kafka never acknowledged and that contradict the log, which is ahead of the store.

    All later events of the store contradict it, too: they were decided without the log's event, their versions in their
    streams may be taken, and one may be the end of a divided bill without its beginning.
    """
    lacking = {
        position
        for partition, bounds in places.items()
        for position in await _missing(connection, partition, acknowledged, bounds.last)
    }
    lost: int | None = None
    async for position, _, record in logged_events(connection):
        if position <= acknowledged:
            continue  # whatever a hand has done to it, the events behind it were decided with it
        row = await connection.fetchrow(_HELD, position)
        if row is None:
            lost = position if lost is None else lost
        elif encode(envelope_of(row, generation)) != encode(decode(record)):
            lacking.add(position)
    if lacking or lost is not None:
        first = min({*lacking, *([] if lost is None else [lost])})
        lacking |= {row["position"] for row in await connection.fetch(_BEHIND, first, acknowledged)}
    return sorted(lacking)


async def discard(connection: Any, generation: str, positions: list[int]) -> tuple[set[str], list[str]]:
    """Remove these events; returns their organizations, and each event as JSON in the log's form."""
    rows = await connection.fetch(_DELETE, positions)
    events = sorted((envelope_of(row, generation) for row in rows), key=lambda event: event.sequence)
    return {event.organization for event in events}, [encode(event).decode() for event in events]


async def refill(connection: Any) -> dict[str, int]:
    """Insert the found events that are missing; returns their number per organization."""
    added: dict[str, int] = {}
    async for position, partition, record in logged_events(connection):
        if await connection.fetchrow(_HELD, position) is None:
            envelope = decode(record)
            await _insert(connection, envelope, partition, record)
            added[envelope.organization] = added.get(envelope.organization, 0) + 1
    return added


async def unfinished_bills(connection: Any, position: int) -> list[Unfinished]:
    """Divided bills with parts behind this position, and no end."""
    rows = await connection.fetch(_UNFINISHED, position)
    return [Unfinished(row["organization"], row["bill_id"], row["parts"]) for row in rows]


async def complete_up_to(connection: Any, places: Mapping[Place, Held], head: int) -> int:
    """The last event up to which every partition is complete: the relay resumes from there."""
    firsts = [
        missing[0]
        for partition, bounds in places.items()
        if (missing := await _missing(connection, partition, bounds.last, head))
    ]
    return min(firsts) - 1 if firsts else head


async def count_after(connection: Any, position: int) -> int:
    """The number of events that the relay still has to write."""
    return int(await connection.fetchval(_COUNT, position))


async def number_on_from(connection: Any, position: int) -> None:
    """Let the next event get a position behind this one."""
    await connection.execute(_SEQUENCE, position)


async def _missing(connection: Any, partition: Place, after: int, upper: int) -> list[int]:
    if upper <= after:
        return []
    return [row["position"] for row in await connection.fetch(_MISSING, *partition, after, upper)]


async def logged_events(connection: Any) -> AsyncIterator[tuple[int, int | None, bytes]]:
    """Position, partition of `billing.events` and bytes of each event in the log."""
    async for row in connection.cursor(_FOUND, prefetch=_BATCH):
        yield row["sequence"], row["partition"], bytes(row["record"])


async def _insert(connection: Any, envelope: Envelope, partition: int | None, record: bytes) -> None:
    fact, raw, stream = envelope.data, _RAW.decode(record), stream_of(envelope.data)
    # A memo has its own version; all facts about a family's bills are numbered together.
    version = None if isinstance(fact, BillFact) else getattr(fact, "version", None)
    if version is None:
        version = await connection.fetchval(_NEXT_VERSION, envelope.organization, stream, envelope.sequence)
    await connection.execute(
        _INSERT,
        envelope.sequence,
        envelope.organization,
        stream,
        version,
        fact.route.value,
        partition if fact.route in (Route.ACCOUNT, Route.BOTH) else None,
        envelope.account,
        envelope.type,
        raw.schema,
        envelope.time,
        envelope.correlation,
        envelope.causation,
        envelope.actor,
        bytes(raw.data).decode(),
    )


def _shown(positions: Iterable[int]) -> str:
    listed = list(positions)
    return ", ".join(map(str, listed[:5])) + (", ..." if len(listed) > 5 else "")
