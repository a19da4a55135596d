"""The generations of store and `usage`, which a lost Postgres took with it, as the log's sources tell them."""

import secrets
from typing import Any

from events.topics import USAGE
from services.failures import ExpectedFailure, Worded
from services.rebuild.scan import Scan
from services.store.generations import COMMANDS

#: Kinds of sources by the part whose generation they name.
_KINDS = {COMMANDS: ("commands", "clock"), USAGE: ("usage", "read")}
_CURRENT = "SELECT generation FROM store.generations WHERE part = $1"
_PAST = "SELECT generation FROM store.past_generations WHERE part = $1"
_ADD_PAST = "INSERT INTO store.past_generations (part, generation) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_SET = """
INSERT INTO store.generations (part, generation) VALUES ($1, $2)
ON CONFLICT (part) DO UPDATE SET generation = EXCLUDED.generation, begins = '{}', made_at = now()
"""


class AnotherLogError(Worded, ExpectedFailure):
    """the log is of store {found}, but this database holds store {held}: they never belonged together; give the
    database that this log is of, or an empty one
    """

    def __init__(self, found: str, held: str) -> None:
        super().__init__(found=found, held=held)


async def adopt_names(connection: Any, seen: Scan, *, is_new: bool) -> None:
    """Record what the log knows and the database does not. `is_new`: it has no events of its own.

    Raises: AnotherLogError.
    """
    await _adopt(connection, seen, COMMANDS, may_change=is_new)
    await _adopt(connection, seen, USAGE, may_change=True)


async def _adopt(connection: Any, seen: Scan, part: str, *, may_change: bool) -> None:
    by_age = sorted((ms, one.name) for one, ms in seen.newest.items() if one.kind in _KINDS[part])
    named = [name for _, name in by_age]
    held = await connection.fetchval(_CURRENT, part)
    past = {row["generation"] for row in await connection.fetch(_PAST, part)}
    unknown = [name for name in named if name != held and name not in past]
    if unknown and not may_change:
        raise AnotherLogError(unknown[-1], held)
    current = unknown[-1] if unknown else held or secrets.token_hex(4)
    if current != held:
        await connection.execute(_SET, part, current)
    for name in {*named} - {current}:
        await connection.execute(_ADD_PAST, part, name)
