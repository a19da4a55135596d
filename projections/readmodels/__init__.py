"""The read models: one file per table, with its SQL and the pure rows that fill it. No I/O stands here.

Rows go in as parallel arrays (`unnest`), sorted by key: one statement per table and transaction, always in the same
lock order. JSON goes in and out as text, so nothing depends on a connection's codecs.
"""

from collections.abc import Iterable, Sequence
from typing import Any


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into `width` parallel arrays, sorted by the rows themselves (their key stands first)."""
    turned = [list(column) for column in zip(*rows, strict=True)]
    return turned or [[] for _ in range(width)]
