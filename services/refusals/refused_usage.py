"""SQL for `store.refused_usage` and `store.refused_positions`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.failures import Passing, Worded
from services.refusals.rejected_record import Row
from services.store.listing import SqlCondition, all_placed

#: As long as `usage.rejected` has the bytes.
KEPT_DAYS = 400
_COLUMNS = ", ".join(Row._fields)
_PUT = f"""
INSERT INTO store.refused_usage ({_COLUMNS})
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::boolean[], $9::timestamptz[], $10::timestamptz[], $11::integer[], $12::bigint[],
                     $13::timestamptz[])
ON CONFLICT (organization, id) DO UPDATE SET
    reason = EXCLUDED.reason, rule = EXCLUDED.rule, cut = EXCLUDED.cut, arrived = EXCLUDED.arrived,
    refused = EXCLUDED.refused, partition = EXCLUDED.partition, log_offset = EXCLUDED.log_offset,
    held_until = EXCLUDED.held_until, replayed = NULL
"""
#: Held records are not refused yet. $2 the starts of windows, $3 their length; at most $4 of each are counted.
_COUNT = """
SELECT since, (
    SELECT count(*) FROM (
        SELECT FROM store.refused_usage
        WHERE organization = $1 AND refused >= since AND refused < since + $3 AND held_until IS NULL LIMIT $4
    ) AS counted
) AS refused FROM unnest($2::timestamptz[]) AS windows (since)
"""
#: Conditions on rows, for the list and for replays.
IS_ONE_OF, IS_CUT, HAS_REASON = "id = ANY({})", "cut = {}", "reason = {}"
IS_OF_ACCOUNT, IS_OF_METER = "account = {}", "meter = {}"
#: The time of the last refusal.
REFUSED_FROM, REFUSED_UNTIL = "refused >= {}", "refused < {}"
_FORGET = "DELETE FROM store.refused_usage WHERE refused < now() - make_interval(days => $1)"
_DROP = "DELETE FROM store.refused_usage WHERE organization = $1 AND id = ANY($2)"
_POSITIONS = "SELECT partition, next_offset FROM store.refused_positions"
_MOVE = """
INSERT INTO store.refused_positions (partition, next_offset) VALUES ($1, $3)
ON CONFLICT (partition) DO UPDATE SET next_offset = EXCLUDED.next_offset
WHERE store.refused_positions.next_offset = $2
"""
_SHOWN = f"{_COLUMNS}, position, replayed"
_GET = f"SELECT {_SHOWN} FROM store.refused_usage WHERE organization = $1 AND id = $2"
#: Open records, and held ones, in the form of the indexes.
_OPEN, HELD = "replayed IS NULL AND held_until IS NULL", "replayed IS NULL AND held_until IS NOT NULL"
#: Only records that were not refused again meanwhile.
_REPLAYED = """
UPDATE store.refused_usage r SET replayed = now()
FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS sent (id, partition, log_offset)
WHERE r.organization = $1 AND r.id = sent.id AND r.partition = sent.partition AND r.log_offset = sent.log_offset
"""


class ListedElsewhereError(Worded, Passing):
    """another process lists usage.rejected/{partition}, too, and was faster"""


@dataclass(frozen=True, slots=True)
class ListedRefusal:
    """A row of the list; `replayed`: when it was sent again, if it was not refused since."""

    row: Row
    position: int
    replayed: datetime | None


def _listed(row: Any) -> ListedRefusal:
    return ListedRefusal(Row(*(row[name] for name in Row._fields)), row["position"], row["replayed"])


async def positions(connection: Any) -> dict[int, int]:
    """How far each partition is listed, without partitions that were never listed."""
    return {row["partition"]: row["next_offset"] for row in await connection.fetch(_POSITIONS)}


async def put(connection: Any, rows: Sequence[Row], partition: int, listed_to: int | None, reached: int) -> None:
    """List these rows of a partition, and move its position from `listed_to` to `reached`, in one transaction.

    Raises: ListedElsewhereError.
    """
    if await connection.execute(_MOVE, partition, listed_to, reached) != "INSERT 0 1":
        raise ListedElsewhereError(partition=partition)
    last = {(row.organization, row.id): row for row in rows}
    if last:
        await connection.execute(_PUT, *map(list, zip(*last.values(), strict=True)))


async def forget_old(connection: Any) -> None:
    """Drop rows whose bytes the topic has dropped."""
    await connection.execute(_FORGET, KEPT_DAYS)


async def get(connection: Any, organization: str, id: str) -> ListedRefusal | None:
    """One row, replayed or not."""
    row = await connection.fetchrow(_GET, organization, id)
    return None if row is None else _listed(row)


async def page(
    connection: Any,
    organization: str,
    conditions: Sequence[SqlCondition],
    size: int,
    *,
    newest_first: bool,
    held: bool = False,
) -> list[ListedRefusal]:
    """Up to `size` open or held rows that fulfil all conditions: the latest on the list, or those that were not refused
    for the longest time, so that records refused again and again come last.
    """
    arguments: list[Any] = [organization]
    query = f"SELECT {_SHOWN} FROM store.refused_usage WHERE organization = $1 AND {HELD if held else _OPEN}"
    query += all_placed(conditions, arguments)
    query += f" ORDER BY {'position DESC' if newest_first else 'refused, position'} LIMIT {size}"
    return [_listed(row) for row in await connection.fetch(query, *arguments)]


async def counts(
    connection: Any, organization: str, conditions: Sequence[SqlCondition], *, held: bool = False
) -> dict[str, int]:
    """The number of open or held rows that fulfil all conditions, by reason, largest first."""
    arguments: list[Any] = [organization]
    query = "SELECT reason, count(*) AS rows FROM store.refused_usage"
    query += f" WHERE organization = $1 AND {HELD if held else _OPEN}" + all_placed(conditions, arguments)
    rows = await connection.fetch(f"{query} GROUP BY reason ORDER BY rows DESC, reason", *arguments)
    return {row["reason"]: row["rows"] for row in rows}


async def forget(connection: Any, organization: str, ids: Sequence[str]) -> None:
    """Delete these rows, whose bytes are gone."""
    await connection.execute(_DROP, organization, ids)


async def note_replayed(connection: Any, organization: str, rows: Sequence[Row]) -> None:
    """Note that these records were sent again."""
    places = ([row.id for row in rows], [row.partition for row in rows], [row.log_offset for row in rows])
    await connection.execute(_REPLAYED, organization, *places)


async def count_refused(
    connection: Any, organization: str, windows: Sequence[datetime], length: timedelta, most: int
) -> dict[datetime, int]:
    """The number of records last refused in each window of this length, by its start, sent again or not; at most `most`
    are counted per window.
    """
    rows = await connection.fetch(_COUNT, organization, list(windows), length, most)
    return {row["since"]: row["refused"] for row in rows}
