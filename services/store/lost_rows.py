"""Rows without which nothing works, and which no program ever deletes: they are missed only where a hand, or a damaged
disk, took them.

They must not be made anew: under another name, or from another position on, the store would write what the log holds
already, and take for a stranger's what it wrote itself. The log tells what they were (`services/rebuild/`).
"""

from typing import Any

from services.failures import ExpectedFailure, Worded

RELAY = "store.relay"
#: A store that has made its topics has a name for itself and one for `usage`.
_LOST = f"""
SELECT 'store.generations' AS held WHERE (EXISTS (SELECT FROM store.topics) OR EXISTS (SELECT FROM store.events))
    AND (SELECT count(*) FROM store.generations) < CASE WHEN EXISTS (SELECT FROM store.topics) THEN 2 ELSE 1 END
UNION ALL SELECT '{RELAY}' WHERE NOT EXISTS (SELECT FROM store.relay)
"""


class LostRowsError(Worded, ExpectedFailure):
    """{tables} has lost rows without which nothing goes on: run `trueup rebuild-store`, which finds them in the log"""


async def lost_rows(connection: Any) -> list[str]:
    """The tables of the store that have lost such rows."""
    return [row["held"] for row in await connection.fetch(_LOST)]


async def check_whole(connection: Any) -> None:
    """Raises: LostRowsError."""
    if tables := await lost_rows(connection):
        raise LostRowsError(tables=" and ".join(tables))
