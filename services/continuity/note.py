"""The relay's note in Kafka: up to which event of the store it may have written.

It is made before the event is appended, so whatever the log may hold, the note says so: a Postgres that was restored
from an older backup is found by comparing two numbers, whatever else has been written to the log since.
"""

from events.topics import CATALOG, commands_source
from services.kafka import KafkaAdmin, Note, NoteWriter
from services.store.generations import Generations

GROUP = "trueup-relay"


def note_writer(bootstrap: str) -> NoteWriter:
    """What `note` writes with."""
    return NoteWriter(bootstrap, GROUP, CATALOG)


async def note(writer: NoteWriter, generations: Generations, position: int) -> None:
    """From now on the log may hold events of the store up to this position."""
    await writer.write(Note(position, commands_source(generations.commands)))


async def newest_noted(admin: KafkaAdmin, generations: Generations) -> int:
    """The newest event that the log may hold; 0 if nothing was noted of this store, or the note has expired."""
    held = await admin.read_note(GROUP, CATALOG)
    if held is None or held.text != commands_source(generations.commands):
        return 0
    return held.number
