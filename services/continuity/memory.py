"""What this system knows of the topics: which record it read or wrote last in each partition (decision 26), and the
relay's note in Kafka, up to which event of the store the log may go.

The note is made before the event is appended, so whatever the log may hold, the note says so: a Postgres that was
restored from an older backup is found by comparing two numbers, whatever else has been written to the log since.
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
    """A partition went at least to `next_offset`; `mark` is the last record before, where that is known."""

    topic: str
    partition: int
    next_offset: int
    mark: Mark | None


async def written(connection: Any) -> list[Known]:
    """What the relay wrote last, as Kafka acknowledged it."""
    positions = []
    for row in await connection.fetch(_WRITTEN):
        mark = None
        if row["record_offset"] is not None:
            mark = Mark(row["record_offset"], row["record_ms"], bytes(row["record_digest"]))
        positions.append(Known(row["topic"], row["partition"], row["next_offset"], mark))
    return positions


async def read(connection: Any, generations: Generations) -> list[Known]:
    """What the live read models hold: of the log itself, and of `usage` as the log tells of it.

    Of an earlier generation of `usage` nothing is known any more: its topic is another one.
    Raises: OutdatedReadModelsError, if they are of another version that did not keep it.
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
    """The mark that a position has as JSON."""
    return mark_of_fact(None if text is None else RecordMark.model_validate_json(text))


def mark_of_fact(mark: RecordMark | None) -> Mark | None:
    """The mark that `UsageRead` tells."""
    return None if mark is None else Mark(mark.offset, mark.ms, bytes.fromhex(mark.digest))


def note_writer(cluster: Cluster) -> NoteWriter:
    """What `note` writes with."""
    return NoteWriter(cluster, GROUP, CATALOG)


async def note(writer: NoteWriter, generations: Generations, position: int) -> None:
    """From now on the log may hold events of the store up to this position."""
    await writer.write(Note(position, commands_source(generations.commands)))


async def newest_noted(admin: KafkaAdmin, generations: Generations) -> int:
    """The newest event that the log may hold; 0 if nothing was noted of this store, or the note has expired."""
    noted = await admin.read_note(GROUP, CATALOG)
    if noted is None or noted.text != commands_source(generations.commands):
        return 0
    return noted.number
