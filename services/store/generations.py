"""The random names under which store and topics were made, and the partition count that is fixed for life."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events.origins import Origins
from events.topics import USAGE
from services.failures import ExpectedFailure

COMMANDS = "commands"
_GENERATIONS = "SELECT part, generation, begins::text FROM store.generations"
_PAST = "SELECT generation FROM store.past_generations"
_PARTITIONS = "SELECT partitions FROM store.topics WHERE name = $1"
_STORE_EXISTS = "SELECT to_regclass('store.generations') IS NOT NULL"


class NotMigratedError(ExpectedFailure):
    """The database has no event store yet: run `trueup migrate` first."""

    def __init__(self) -> None:
        super().__init__("the database has no event store yet: run `trueup migrate` first")


@dataclass(frozen=True, slots=True)
class Generations:
    """Names for `commands/<commands>`, `clock/<commands>`, `usage/<usage>/<partition>`, `read/<usage>/<partition>`."""

    commands: str
    usage: str
    #: Of `usage` and `billing.events`.
    partitions: int
    #: These names and all that there were before.
    origins: Origins
    #: Where the generation of `usage` begins, by partition; at offset 0 where nothing is said.
    begins: Mapping[int, int]


async def load_generations(connection: Any) -> Generations:
    """Raises: NotMigratedError."""
    if not await connection.fetchval(_STORE_EXISTS):
        raise NotMigratedError
    rows = {row["part"]: row for row in await connection.fetch(_GENERATIONS)}
    names = {part: row["generation"] for part, row in rows.items()}
    partitions = await connection.fetchval(_PARTITIONS, USAGE)
    if COMMANDS not in names or USAGE not in names or partitions is None:
        raise NotMigratedError
    past = {row["generation"] for row in await connection.fetch(_PAST)}
    begins = {int(partition): offset for partition, offset in json.loads(rows[USAGE]["begins"]).items()}
    origins = Origins(frozenset(past | {*names.values()}))
    return Generations(names[COMMANDS], names[USAGE], partitions, origins, begins)
