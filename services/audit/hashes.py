"""Compares two schemas of read models by a hash of every row, for each table and key; names the first difference.

Not compared are wall-clock columns (`*_at_wall`), the lease, and how ids were packed into rows, because they are not a
function of the log. Numbers are compared by value, so trailing zeros do not matter.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from events.topics import EVENTS
from projections.readmodels.registry import ALL
from projections.readmodels.seen_ids import WINDOW

LEFT_OUT = {"epoch"}
#: Tables whose rows are left out while they are older than the balances, by root ($1): they reflect an earlier part of
#: the log. Outlooks, and the tables that follow from them, are written last of all.
LINES, OUTLOOKS = ("draws", "accrued_lines"), ("outlooks", "alerts_due", "due_accounts")

#: The time limit of a statement: a whole table is hashed and sorted before its first row comes.
TABLE_SECONDS = 3_600.0
_COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = $1 AND table_name = $2 AND column_name NOT LIKE '%\\_at\\_wall' ORDER BY ordinal_position
"""
_SEEN = "SELECT newest_arrival, digests FROM {schema}.seen_ids WHERE partition = $1 ORDER BY first_offset"
_LOG_TIME = f"SELECT log_time FROM {{schema}}.positions WHERE topic = '{EVENTS}' AND partition = $1"
_HASHES = """
SELECT key, encode(sha256(convert_to(string_agg(hash, '' ORDER BY hash COLLATE "C"), 'UTF8')), 'hex') AS hash
FROM (
    SELECT ({key})::text AS key, encode(sha256(convert_to({row}, 'UTF8')), 'hex') AS hash
    FROM {schema}.{table} WHERE {compared}
) AS hashed GROUP BY key ORDER BY key COLLATE "C"
"""
_ROWS = "SELECT {columns} FROM {schema}.{table} WHERE ({key})::text = $1"
#: Makes the text of a value independent of the session's settings.
_WRITTEN_ALIKE = """
SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),
    set_config('IntervalStyle', 'postgres', true), set_config('bytea_output', 'hex', true)
"""


@dataclass(frozen=True, slots=True)
class StaleRoots:
    """`lines`: roots whose draws and accrued lines are older than their balances. `outlooks`: roots whose outlooks are
    older, with those of `lines`.
    """

    lines: frozenset[str] = frozenset()
    outlooks: frozenset[str] = frozenset()

    def of(self, table: str) -> list[str] | None:
        """The roots whose rows of this table are not compared; None if all of its rows are."""
        if table in LINES:
            return sorted(self.lines)
        return sorted(self.outlooks) if table in OUTLOOKS else None


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where live and replay differ."""

    table: str
    key: str
    live: str
    replay: str

    def __str__(self) -> str:
        return f"{self.table} of {self.key}: live has {self.live}, replay has {self.replay}"


async def first_difference(
    connection: Any, other: Any, live: str, replay: str, partitions: range, behind: StaleRoots = StaleRoots()
) -> Difference | None:
    """The first difference between two schemas; None if they are equal. `behind`: roots of the live schema whose rows
    lag.

    `connection` reads in the snapshot of the live schema; `other` sees the replay's schema, which was written after it.
    """
    for either in (connection, other):
        await either.execute(_WRITTEN_ALIKE)
    for table, key in ((model.name, model.hashed_by) for model in ALL if model.hashed_by is not None):
        columns = await _columns(connection, live, table)
        left_out = behind.of(table)
        theirs = _hashes(other, replay, table, key, columns, left_out)
        difference = await _compare(_hashes(connection, live, table, key, columns, left_out), theirs)
        if difference is not None:
            return await _explain({live: connection, replay: other}, table, key, columns, difference)
    for partition in partitions:
        if not await _same_ids({live: connection, replay: other}, partition):
            return Difference("seen_ids", f"partition {partition}", "other ids", "these")
    return None


async def digest_of(connection: Any, schema: str) -> str:
    """A digest of all rows of a schema, inside the caller's transaction: equal rows have equal digests, in every
    session.
    """
    await connection.execute(_WRITTEN_ALIKE)
    digest = blake2b(digest_size=32)
    for table in ALL:
        columns = await _columns(connection, schema, table.name)
        digest.update(f"{table.name} {','.join(columns)}\n".encode())
        async for key, hashed in _hashes(connection, schema, table.name, table.hashed_by or "partition", columns, None):
            digest.update(f"{len(key.encode())} {key} {hashed}\n".encode())
    return digest.hexdigest()


async def _columns(connection: Any, schema: str, table: str) -> dict[str, str]:
    """For each compared column the expression of its normal text."""
    texts = {}
    for row in await connection.fetch(_COLUMNS, schema, table):
        name = row["column_name"]
        if name not in LEFT_OUT:
            texts[name] = f"trim_scale({name})::text" if row["data_type"] == "numeric" else f"{name}::text"
    return texts


async def _hashes(
    connection: Any, schema: str, table: str, key: str, columns: dict[str, str], left_out: list[str] | None
) -> AsyncIterator[tuple[str, str]]:
    row = f"ROW({', '.join(columns.values())})::text"
    compared, arguments = ("true", []) if left_out is None else ("root_id <> ALL ($1::text[])", [left_out])
    statement = _HASHES.format(key=key, row=row, schema=schema, table=table, compared=compared)
    async for record in connection.cursor(statement, *arguments, prefetch=1_000, seconds=TABLE_SECONDS):
        yield record["key"], record["hash"]


async def _compare(live: AsyncIterator[tuple[str, str]], replay: AsyncIterator[tuple[str, str]]) -> str | None:
    """The first key whose hashes differ, or that exists on one side only; None if both sides are equal."""
    while True:
        ours = await anext(live, None)
        theirs = await anext(replay, None)
        if ours != theirs:
            return min(pair[0] for pair in (ours, theirs) if pair is not None)
        if ours is None:
            return None


async def _explain(sides: dict[str, Any], table: str, key: str, columns: dict[str, str], value: str) -> Difference:
    listed = ", ".join(f"{text} AS {name}" for name, text in columns.items())
    rows_of = []
    for schema, connection in sides.items():
        rows = await connection.fetch(_ROWS.format(columns=listed, schema=schema, table=table, key=key), value)
        rows_of.append({tuple(row.items()) for row in rows})
    live, replay = (_first_row(rows - others) for rows, others in (rows_of, reversed(rows_of)))
    name = key if key.isidentifier() else "root or organization"
    return Difference(table, f"{name} {value}", _words(live, replay), _words(replay, live))


def _first_row(rows: set[tuple[tuple[str, Any], ...]]) -> dict[str, Any] | None:
    return dict(min(rows, key=repr)) if rows else None


def _words(row: dict[str, Any] | None, other: dict[str, Any] | None) -> str:
    """The values of a row that differ from the other row's; without another row all of them, shortened to 400
    characters.
    """
    if row is None:
        return "no such row"
    said = row if other is None else {name: value for name, value in row.items() if value != other[name]}
    text = ", ".join(f"{name} {value}" for name, value in said.items())
    return text if len(text) <= 400 else text[:400] + "..."


async def _same_ids(sides: dict[str, Any], partition: int) -> bool:
    """Whether both schemas hold the same ids in the same order. Only ids older than the window may be missing on
    either side, and those that were packed into a row with such.
    """
    found = []
    for schema, connection in sides.items():
        rows = await connection.fetch(_SEEN.format(schema=schema), partition)
        log_time = await connection.fetchval(_LOG_TIME.format(schema=schema), partition)
        found.append((b"".join(bytes(row["digests"]) for row in rows), rows, log_time))
    (shorter, _, _), (longer, rows, log_time) = sorted(found, key=lambda side: len(side[0]))
    missing = len(longer) - len(shorter)
    for row in rows:
        missing -= len(row["digests"])
        if missing >= 0 and (log_time is None or row["newest_arrival"] >= log_time - WINDOW):
            return False
    return longer.endswith(shorter)
