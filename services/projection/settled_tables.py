"""Writes the results of settlements into their tables: changed and removed rows, and the alerts found in them."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from projections.alerts.due import AlertDue, Speed
from projections.alerts.levels import Level
from projections.alerts.rules import Rules
from projections.readmodels import accrued_lines, alerts_due, balances, columns, draws, outlooks
from projections.readmodels.alerts_due import alert_due_row
from projections.readmodels.outlooks import OutlookRow
from projections.readmodels.settled_rows import BehindRows, Shown
from services.readside.family_state import FamilyState

#: The tables that are written after the balances, and their part of `BehindRows`.
_BEHIND = ((draws, attrgetter("draws")), (accrued_lines, attrgetter("lines")))
#: The known written rows of a family that was just loaded: none.
NOTHING_SHOWN: Mapping[str, Shown] = {}


async def put(connection: Any, statement: str, rows: Sequence[Sequence[Any]], width: int) -> None:
    """Pass rows to a statement as parallel arrays; without rows, no statement runs."""
    if rows:
        await connection.execute(statement, *columns(rows, width))


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
    """Write only rows that differ from the written ones, and delete those that are gone."""
    await _write(connection, outlooks, [(family.root_id, now, family.written.outlooks) for family, now in changed])


async def _write(
    connection: Any, table: Any, changed: Sequence[tuple[str, Sequence[Any], Sequence[Any] | None]]
) -> None:
    """The rows of a table whose key is a root and a number: each root's present rows, and those known to be written."""
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
    """Rows that are not written yet. Rows are in key order, so equal rows mostly stand at equal places."""
    earlier = set(before)
    return [row for row in now if row not in earlier]


_NONE = frozenset[AlertDue]()


class AlertsWriter:
    """Collects the alerts to raise for settled families; `flush` writes them."""

    def __init__(self) -> None:
        #: By root and speed: a root that is settled twice in a transaction is written once.
        self._changed: dict[tuple[str, Speed], tuple[FamilyState, frozenset[AlertDue]]] = {}

    def find(self, family: FamilyState, rules: Rules, levels: Callable[[], Iterable[Level]], speed: Speed) -> None:
        """Evaluate the rules, if there are any, on the levels that were just settled."""
        due = family.alerts.find(rules, levels(), speed) if rules else _NONE
        key = family.root_id, speed
        if due != family.alerts.shown.get(speed):
            self._changed[key] = (family, due)
        else:
            self._changed.pop(key, None)

    def note_none(self, family: FamilyState, speeds: Iterable[Speed] = tuple(Speed)) -> None:
        """Note a family of which rules have nothing to look at: it has no terms, or no numbers that are kept."""
        for speed in speeds:
            self.find(family, Rules(), tuple, speed)

    def forget(self, partitions: Container[int]) -> None:
        """Drop the alerts found in these partitions, whose memory is dropped."""
        self._changed = {
            key: changed for key, changed in self._changed.items() if changed[0].partition not in partitions
        }

    async def flush(self, connection: Any) -> None:
        """Write the changes. Rows from before the family was loaded are deleted if they no longer apply."""
        changed, self._changed = self._changed, {}
        shown_anew, rows = [], []
        for (root_id, speed), (family, due) in changed.items():
            shown = family.alerts.shown.get(speed)
            if shown is None or shown - due:
                shown_anew.append((root_id, speed.value))
            rows += [alert_due_row(alert, family.organization, root_id, speed) for alert in due - (shown or _NONE)]
        if shown_anew:
            remaining = [alert.id for _, due in changed.values() for alert in due]
            await connection.execute(alerts_due.DROP_OTHERS, *columns(shown_anew, 2), remaining)
        if rows:
            await connection.execute(alerts_due.UPSERT, *columns(sorted(rows), alerts_due.WIDTH))
            await connection.execute(alerts_due.NOTIFY)
        for (_, speed), (family, due) in changed.items():
            family.alerts.note_shown(speed, due)
