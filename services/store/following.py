"""Following the event store, organization by organization: who has events that were not looked at yet, up to where an
organization's were, and some of those behind that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

#: Events of an organization that are looked at in one transaction.
PAGE = 200
_ANYWHERE = 2**63 - 1
#: $1 the position up to which all was looked at, $2 the types that are asked about, as LIKE has them.
_MOVED = """
SELECT organization, max(position) AS position, bool_or(type LIKE $2) AS is_asked_about
FROM store.events WHERE position > $1 GROUP BY organization
"""


class Moved(NamedTuple):
    """An organization that has had events, the position of its last one, and whether any is asked about."""

    organization: str
    position: int
    is_asked_about: bool


async def moved(connection: Any, after: int, asked_about: str = "") -> list[Moved]:
    """Who has had events since a position."""
    return [Moved(*row.values()) for row in await connection.fetch(_MOVED, after, asked_about)]


@dataclass(frozen=True, slots=True)
class Following:
    """One who follows. `table` has up to where it has looked, and `columns` are what it reads of an event."""

    table: Literal["alert_positions", "webhook_positions"]
    columns: str

    async def position(self, connection: Any, organization: str) -> int | None:
        """Up to where the organization's events were looked at; None: none was."""
        query = f"SELECT position FROM store.{self.table} WHERE organization = $1"
        position: int | None = await connection.fetchval(query, organization)
        return position

    async def move(self, connection: Any, organization: str, position: int) -> None:
        """They were looked at up to there, in the caller's transaction; it never goes back."""
        await connection.execute(
            f"INSERT INTO store.{self.table} AS held (organization, position) VALUES ($1, $2) "
            "ON CONFLICT (organization) DO UPDATE SET position = greatest(held.position, EXCLUDED.position)",
            organization,
            position,
        )

    async def page(
        self, connection: Any, organization: str, types: Iterable[str], after: int, until: int = _ANYWHERE
    ) -> Sequence[Mapping[str, Any]]:
        """The next PAGE events of these types, oldest first, after one position and up to another."""
        query = (
            f"SELECT {self.columns} FROM store.events "
            "WHERE organization = $1 AND type = ANY($2::text[]) AND position > $3 AND position <= $4 "
            f"ORDER BY position LIMIT {PAGE}"
        )
        return list(await connection.fetch(query, organization, sorted(set(types)), after, until))
