"""Compares two schemas of read models: a hash of every row, per table and account; names the first difference.

Left out are wall-clock columns (`*_at_wall`), the lease, and how ids were packed into rows: none of them is a function
of the log. Numbers are compared by value, not by how many zeros they are written with.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from projections.readmodels.registry import ALL

LEFT_OUT = {"epoch"}
#: Tables whose rows are not compared as long as they are behind the balances ($1): they hold an earlier part of the
#: log. Outlooks follow last of all.
LINES, OUTLOOKS = ("draws", "accrued_lines"), ("outlooks", "alerts_due", "due_accounts")

#: A whole table is hashed and sorted before the first row comes.
TABLE_SECONDS = 3_600.0
_COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = $1 AND table_name = $2 AND column_name NOT LIKE '%\\_at\\_wall' ORDER BY ordinal_position
"""
_SEEN = "SELECT digests FROM {schema}.seen_ids WHERE partition = $1 ORDER BY first_offset"
_HASHES = """
SELECT key, encode(sha256(convert_to(string_agg(hash, '' ORDER BY hash COLLATE "C"), 'UTF8')), 'hex') AS hash
FROM (
    SELECT ({key})::text AS key, encode(sha256(convert_to({row}, 'UTF8')), 'hex') AS hash
    FROM {schema}.{table} WHERE {compared}
) AS hashed GROUP BY key ORDER BY key COLLATE "C"
"""
_ROWS = "SELECT {columns} FROM {schema}.{table} WHERE ({key})::text = $1"
#: How a value is written must not depend on whose session it is.
_WRITTEN_ALIKE = """
SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),
    set_config('IntervalStyle', 'postgres', true), set_config('bytea_output', 'hex', true)
"""


@dataclass(frozen=True, slots=True)
class StaleRoots:
    """Roots whose draws and accrued lines are older than their balances, and those whose outlooks are, lines or not."""

    lines: frozenset[str] = frozenset()
    outlooks: frozenset[str] = frozenset()

    def of(self, table: str) -> list[str] | None:
        """Whose rows of a table are not compared."""
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
    """The first difference between two schemas, None when they are equal. `behind`: in the live one.

    `connection` is in the snapshot of the live schema; `other` sees the replay's, which was written after it.
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
    """What all rows of a schema are known by, inside the caller's transaction: equal for equal rows, whoever asks."""
    await connection.execute(_WRITTEN_ALIKE)
    digest = blake2b(digest_size=32)
    for table in ALL:
        columns = await _columns(connection, schema, table.name)
        digest.update(f"{table.name} {','.join(columns)}\n".encode())
        async for key, hashed in _hashes(connection, schema, table.name, table.hashed_by or "partition", columns, None):
            digest.update(f"{len(key.encode())} {key} {hashed}\n".encode())
    return digest.hexdigest()


async def _columns(connection: Any, schema: str, table: str) -> dict[str, str]:
    """Column -> expression of its normal text."""
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
    """The first key whose hashes differ, or that only one side has."""
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
    """What a row says differently from the other one; where there is no other, all of it, shortened."""
    if row is None:
        return "no such row"
    said = row if other is None else {name: value for name, value in row.items() if value != other[name]}
    text = ", ".join(f"{name} {value}" for name, value in said.items())
    return text if len(text) <= 400 else text[:400] + "..."


async def _same_ids(sides: dict[str, Any], partition: int) -> bool:
    """Whether both hold the same ids in the same order; what is older than the window may be gone on either side."""
    digests = []
    for schema, connection in sides.items():
        rows = await connection.fetch(_SEEN.format(schema=schema), partition)
        digests.append(b"".join(bytes(row["digests"]) for row in rows))
    shorter, longer = sorted(digests, key=len)
    return longer.endswith(shorter)
