"""The read models: one file per table, with its SQL and the pure rows that fill it. There is no I/O here.

Rows go in as parallel arrays (`unnest`), sorted by key: one statement per table and transaction, always in the same
lock order. JSON goes in and out as text, so nothing depends on a connection's codecs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """The definition of a read model: its SQL, without a schema's name, and the expression by which the audit groups
    the hashes of its rows.

    Columns named `*_at_wall` are wall-clock time and are not audited. `hashed_by` None: the audit compares the table in
    another way.
    """

    name: str
    hashed_by: str | None
    ddl: str


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Turn rows into `width` parallel arrays, sorted by row; the key columns come first."""
    turned = [list(column) for column in zip(*rows, strict=True)]
    return turned or [[] for _ in range(width)]
