"""The random names under which store and topics were made, and the partition count that is fixed for life."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events.topics import USAGE
from services.failures import ExpectedFailure

COMMANDS = "commands"
_GENERATIONS = "SELECT part, generation FROM store.generations"
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


async def load_generations(connection: Any) -> Generations:
    """Raises: NotMigratedError."""
    if not await connection.fetchval(_STORE_EXISTS):
        raise NotMigratedError
    names = {row["part"]: row["generation"] for row in await connection.fetch(_GENERATIONS)}
    return generations_of(names, await connection.fetchval(_PARTITIONS, USAGE))


def generations_of(names: Mapping[str, str], partitions: int | None) -> Generations:
    """Those of the store that has these names and partitions. Raises: NotMigratedError if it is not whole."""
    if COMMANDS not in names or USAGE not in names or partitions is None:
        raise NotMigratedError
    return Generations(names[COMMANDS], names[USAGE], partitions)
