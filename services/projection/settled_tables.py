"""What settling gave, into its tables: rows that changed, and those that are gone."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from projections.readmodels import accrued_lines, balances, columns, draws, outlooks
from projections.readmodels.outlooks import OutlookRow
from projections.readmodels.settled_rows import BehindRows, Shown
from services.readside.family_state import FamilyState

#: The tables that are written behind the balances, and their part of `BehindRows`.
_BEHIND = ((draws, attrgetter("draws")), (accrued_lines, attrgetter("lines")))
#: What is known to be written of a family that was just loaded: nothing.
NOTHING_SHOWN: Mapping[str, Shown] = {}


async def write_balances(connection: Any, changed: Sequence[tuple[FamilyState, Mapping[str, Shown]]]) -> None:
    fewer = [
        (family, now)
        for family, now in changed
        if (before := family.written.balances) is None or before.keys() - now.keys()
    ]
    if fewer:
        remaining = [id for _, now in fewer for id in now]
        await connection.execute(balances.DROP_OTHERS, [family.root_id for family, _ in fewer], remaining)
    rows = []
    for family, now in changed:
        shown = family.written.balances or NOTHING_SHOWN
        rows += [
            agreement.row
            for id, agreement in now.items()
            if (shown_before := shown.get(id)) is None or shown_before.row != agreement.row
        ]
    if rows:
        await connection.execute(balances.UPSERT, *columns(sorted(rows), balances.WIDTH))


async def write_behind(connection: Any, changed: Sequence[tuple[FamilyState, BehindRows]]) -> None:
    for table, of_table in _BEHIND:
        moved = [
            (family.root_id, of_table(now), None if (before := family.written.behind) is None else of_table(before))
            for family, now in changed
        ]
        await _write(connection, table, moved)


async def write_outlooks(connection: Any, changed: Sequence[tuple[FamilyState, tuple[OutlookRow, ...]]]) -> None:
    """Only rows that differ from what stands there, and those that are gone."""
    await _write(connection, outlooks, [(family.root_id, now, family.written.outlooks) for family, now in changed])


async def _write(
    connection: Any, table: Any, changed: Sequence[tuple[str, Sequence[Any], Sequence[Any] | None]]
) -> None:
    """Rows of a table whose key is a root and a number: of each root those of now, and those known to stand there."""
    counts, rows = [], []
    for root_id, now, before in changed:
        if before is None or len(now) < len(before):
            counts.append((root_id, len(now)))
        rows += _new(now, before or ())
    if counts:
        await connection.execute(table.DROP_EXCESS, *columns(counts, 2))
    if rows:
        await connection.execute(table.UPSERT, *columns(sorted(rows), table.WIDTH))


def _new(now: Sequence[Any], before: Sequence[Any]) -> list[Any]:
    """Rows that are not written yet. Order within a table is its key's, so equal rows mostly stand at equal places."""
    known = set(before)
    return [row for row in now if row not in known]
