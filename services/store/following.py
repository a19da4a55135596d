"""Following the event store, organization by organization: who has events that were not looked at yet, up to where an
organization's events were looked at, and the next ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

#: Events of an organization that are read at once.
PAGE = 200
_ANYWHERE = 2**63 - 1
#: $1 the position up to which all events were looked at, $2 types of facts.
_MOVED = """
SELECT organization, max(position) AS position, bool_or(type = ANY ($2::text[])) AS has_any_of
FROM store.events WHERE position > $1 GROUP BY organization
"""


class MovedOrganization(NamedTuple):
    """An organization that has had events: the position of the last one, and whether any is of the given types."""

    organization: str
    position: int
    has_any_of: bool


async def moved(connection: Any, after: int, types: Iterable[str] = ()) -> list[MovedOrganization]:
    """The organizations with events behind a position."""
    return [MovedOrganization(*row.values()) for row in await connection.fetch(_MOVED, after, list(types))]


class Next(NamedTuple):
    """The next events of an organization, oldest first; `is_full`: there may be more of them."""

    rows: Sequence[Mapping[str, Any]]
    is_full: bool


@dataclass(frozen=True, slots=True)
class Following:
    """A follower: `table` keeps up to where it has looked; `columns` are read of each event."""

    table: Literal["alert_positions", "webhook_positions"]
    columns: str

    async def position(self, connection: Any, organization: str) -> int | None:
        """Up to where the organization's events were looked at; None before the first look."""
        query = f"SELECT position FROM store.{self.table} WHERE organization = $1"
        position: int | None = await connection.fetchval(query, organization)
        return position

    async def move(self, connection: Any, organization: str, position: int) -> None:
        """Note in the caller's transaction that events up to there were looked at; the position never goes back."""
        query = f"""
            INSERT INTO store.{self.table} AS held (organization, position) VALUES ($1, $2)
            ON CONFLICT (organization) DO UPDATE SET position = greatest(held.position, EXCLUDED.position)
        """
        await connection.execute(query, organization, position)

    async def next(
        self,
        connection: Any,
        organization: str,
        types: Iterable[str],
        after: int,
        most_bytes: int,
        until: int = _ANYWHERE,
    ) -> Next:
        """At most PAGE events of these types behind `after` and up to `until`, as many as begin within `most_bytes` of
        data: the first one is read whatever its size."""
        query = f"""
            SELECT measured.* FROM (
                SELECT next.*, count(*) OVER () AS there, sum(bytes) OVER (ORDER BY position) - bytes AS before
                FROM (
                    SELECT {self.columns}, octet_length(data::text) AS bytes FROM store.events
                    WHERE organization = $1 AND type = ANY($2::text[]) AND position > $3 AND position <= $5
                    ORDER BY position LIMIT {PAGE}
                ) AS next
            ) AS measured WHERE before < $4 ORDER BY position
        """
        rows = await connection.fetch(query, organization, sorted(set(types)), after, most_bytes, until)
        return Next(rows, bool(rows) and (rows[0]["there"] == PAGE or len(rows) < rows[0]["there"]))
