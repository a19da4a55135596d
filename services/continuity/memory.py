"""What this system knows of the topics: the last record that was read or written in each partition (decision 26), and
the relay's note, kept in Kafka, that says up to which event of the store the log may reach.

The note is written before the event is appended to the log, so it is never behind the log. A Postgres that was restored
from an older backup is therefore found by comparing the note with the store's newest event, however long the log is.
"""

import json
from typing import Any, NamedTuple

from events.facts.usage import RecordMark
from events.sources import commands_source, read_source
from events.topics import CATALOG, EVENTS, USAGE
from services.kafka import Cluster, KafkaAdmin, Mark, Note, NoteWriter
from services.readside.live import find_live
from services.store.generations import Generations

_WRITTEN = """
SELECT topic, partition, next_offset, record_offset, record_ms, record_digest FROM store.marks
"""
_READ = """
SELECT topic, partition, next_offset, sequences::text, mark::text FROM "{schema}".positions
"""
GROUP = "trueup-relay"


class Known(NamedTuple):
    """A partition is known to reach `next_offset`, exclusive. `mark`: of the last record before it, if known."""

    topic: str
    partition: int
    next_offset: int
    mark: Mark | None


async def written(connection: Any) -> list[Known]:
    """The last position in each partition that the relay wrote and Kafka acknowledged."""
    positions = []
    for row in await connection.fetch(_WRITTEN):
        mark = None
        if row["record_offset"] is not None:
            mark = Mark(row["record_offset"], row["record_ms"], bytes(row["record_digest"]))
        positions.append(Known(row["topic"], row["partition"], row["next_offset"], mark))
    return positions


async def read(connection: Any, generations: Generations) -> list[Known]:
    """The positions in the live read models: how far `billing.events` was folded, and `usage` read according to it.

    Positions of an earlier generation of `usage` are left out, because they are about another topic.
    Raises: OutdatedReadModelsError if the live read models are of another version, which may not keep positions.
    """
    live = await find_live(connection)
    if live is None:
        return []
    positions = []
    with live.reading():
        rows = await connection.fetch(_READ.format(schema=live.schema))
    for row in rows:
        topic, partition = row["topic"], row["partition"]
        current = read_source(generations.usage, partition) in json.loads(row["sequences"])
        if topic == EVENTS or (topic == USAGE and current):
            positions.append(Known(topic, partition, row["next_offset"], mark_of_json(row["mark"])))
    return positions


def mark_of_json(text: str | None) -> Mark | None:
    """The mark that a position of the read models has as JSON; None for None."""
    return mark_of_fact(None if text is None else RecordMark.model_validate_json(text))


def mark_of_fact(mark: RecordMark | None) -> Mark | None:
    """The mark that a fact `UsageRead` has; None for None."""
    return None if mark is None else Mark(mark.offset, mark.ms, bytes.fromhex(mark.digest))


def note_writer(cluster: Cluster) -> NoteWriter:
    """The writer to pass to `note`."""
    return NoteWriter(cluster, GROUP, CATALOG)


async def note(writer: NoteWriter, generations: Generations, position: int) -> None:
    """Write into Kafka that from now on the log may hold events of the store up to this position."""
    await writer.write(Note(position, commands_source(generations.commands)))


async def newest_noted(admin: KafkaAdmin, generations: Generations) -> int:
    """The position of the newest event that the log may hold, by the relay's note; 0 if there is no note for this
    store, or it has expired.
    """
    noted = await admin.read_note(GROUP, CATALOG)
    if noted is None or noted.text != commands_source(generations.commands):
        return 0
    return noted.number
