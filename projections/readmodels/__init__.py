"""The read models: one file per table, with its SQL and the pure rows that fill it. No I/O stands here.

Rows go in as parallel arrays (`unnest`), sorted by key: one statement per table and transaction, always in the same
lock order. JSON goes in and out as text, so nothing depends on a connection's codecs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """What every read model says of itself: its SQL, without a schema's name, and by which expression the audit groups
    the hashes of its rows.

    Columns named `*_at_wall` are wall-clock and take no part in the audit. `hashed_by` None: the audit compares it in
    a way of its own.
    """

    name: str
    hashed_by: str | None
    ddl: str


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into `width` parallel arrays, sorted by the rows themselves (their key stands first)."""
    turned = [list(column) for column in zip(*rows, strict=True)]
    return turned or [[] for _ in range(width)]
