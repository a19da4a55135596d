"""Finds what rules have reached in what was settled, and writes what is to be raised: only what changed, and nothing at
all where there are no rules."""

from collections.abc import Callable, Container, Iterable
from typing import Any

from projections.alerts.due import AlertDue, Speed
from projections.alerts.levels import Level
from projections.alerts.rules import Rules
from projections.readmodels import alerts_due, columns
from projections.readmodels.alerts_due import alert_due_row
from services.readside.family_state import FamilyState

_NONE = frozenset[AlertDue]()


class AlertsWriter:
    """Collects what is to be raised of families that were settled; `flush` writes it."""

    def __init__(self) -> None:
        #: By root and speed: one that is settled twice in a transaction is written once.
        self._changed: dict[tuple[str, Speed], tuple[FamilyState, frozenset[AlertDue]]] = {}

    def find(self, family: FamilyState, rules: Rules, levels: Callable[[], Iterable[Level]], speed: Speed) -> None:
        """Ask the rules, if there are any, about the levels that were just settled."""
        due = family.alerts.find(rules, levels(), speed) if rules else _NONE
        key = family.root_id, speed
        if due != family.alerts.shown.get(speed):
            self._changed[key] = (family, due)
        else:
            self._changed.pop(key, None)

    def note_none(self, family: FamilyState) -> None:
        """A family without terms has nothing that a rule could look at."""
        for speed in Speed:
            self.find(family, Rules(), tuple, speed)

    def forget(self, partitions: Container[int]) -> None:
        """Do not write what was found in these partitions: their memory is dropped."""
        self._changed = {
            key: changed for key, changed in self._changed.items() if changed[0].partition not in partitions
        }

    async def flush(self, connection: Any) -> None:
        """Write what changed. What was written of a family before it was loaded is taken out, if it no longer holds."""
        changed, self._changed = self._changed, {}
        known, rows = [], []
        for (root_id, speed), (family, due) in changed.items():
            shown = family.alerts.shown.get(speed)
            if shown is None or shown - due:
                known.append((root_id, speed.value))
            rows += [alert_due_row(alert, family.organization, root_id, speed) for alert in due - (shown or _NONE)]
        if known:
            remaining = [alert.id for _, due in changed.values() for alert in due]
            await connection.execute(alerts_due.DROP_OTHERS, *columns(known, 2), remaining)
        if rows:
            await connection.execute(alerts_due.UPSERT, *columns(sorted(rows), alerts_due.WIDTH))
            await connection.execute(alerts_due.NOTIFY)
        for (_, speed), (family, due) in changed.items():
            family.alerts.note_shown(speed, due)
