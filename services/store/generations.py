"""The random names under which store and topics were made, the fixed partition count, and the largest size of a
record.
"""

import json
from dataclasses import dataclass
from typing import Any

from events.sources import Origins
from events.topics import USAGE
from services.failures import BeginAnewError, ExpectedFailure, Worded

COMMANDS = "commands"
#: All of these as one JSON text, also as a part of other queries.
GENERATIONS = f"""
SELECT json_build_object(
    'names', (SELECT json_object_agg(part, generation) FROM store.generations),
    'begins', (SELECT begins FROM store.generations WHERE part = '{USAGE}'),
    'past', (SELECT coalesce(json_agg(generation), '[]') FROM store.past_generations),
    'recordBytes', (SELECT record_bytes FROM store.limits),
    'partitions', (SELECT partitions FROM store.topics WHERE name = '{USAGE}')
)::text
"""
_OF_COMMANDS = f"SELECT generation FROM store.generations WHERE part = '{COMMANDS}'"
#: By what the newest migration has made.
_IS_MIGRATED = "SELECT to_regclass('store.shared_parts') IS NOT NULL"


class NotMigratedError(Worded, ExpectedFailure):
    """the database has no event store of this version yet: run `trueup migrate` first"""


class GenerationsMovedError(Worded, BeginAnewError):
    """store or usage go on under another name, or records have another limit: somebody has seen to it"""


@dataclass(frozen=True, slots=True)
class Generations:
    """Names for `commands/<commands>`, `clock/<commands>`, `usage/<usage>/<partition>`, `read/<usage>/<partition>`."""

    commands: str
    usage: str
    #: Of `usage` and `billing.events`.
    partitions: int
    #: These names and all earlier ones.
    origins: Origins
    #: The largest record of our topics, including its batch.
    record_bytes: int
    #: Partitions of `usage` whose generation does not begin at offset 0, with its first offset.
    begins: tuple[tuple[int, int], ...] = ()

    def begin_of(self, partition: int) -> int:
        """The first offset of the partition of `usage` to read."""
        return dict(self.begins).get(partition, 0)


async def load_generations(connection: Any) -> Generations:
    """Raises: NotMigratedError."""
    if not await connection.fetchval(_IS_MIGRATED):
        raise NotMigratedError
    return generations_of(await connection.fetchval(GENERATIONS))


async def name_of_store(connection: Any) -> str:
    """`commands` alone, for who asks with every snapshot of a migrated database."""
    name: str = await connection.fetchval(_OF_COMMANDS)
    return name


async def check_origins(connection: Any, origins: Origins) -> None:
    """Call it before a record counts as a stranger's: the store registers a name before anybody writes under it.

    Raises: GenerationsMovedError, if there are other names than these.
    """
    if (await load_generations(connection)).origins != origins:
        raise GenerationsMovedError


def generations_of(document: str) -> Generations:
    """The generations in the result of GENERATIONS. Raises: NotMigratedError if something is missing."""
    stored = json.loads(document)
    names, partitions, record_bytes = stored["names"] or {}, stored["partitions"], stored["recordBytes"]
    if COMMANDS not in names or USAGE not in names or partitions is None or record_bytes is None:
        raise NotMigratedError
    begins = tuple(sorted((int(partition), offset) for partition, offset in stored["begins"].items()))
    origins = Origins(frozenset((*stored["past"], *names.values())))
    return Generations(names[COMMANDS], names[USAGE], partitions, origins, record_bytes, begins)
