"""The alerts of a story in memory, found by the functions that the services use (docs/alerts.md)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from events.envelope import Envelope
from events.facts.alerts import Alert
from events.resources.notifications import LEVELS
from projections.alerts.due import AlertDue
from projections.entities import Entity
from projections.resources import Resources
from projections.settlement import Settlement
from services.alerts.matching import (
    Rule,
    alert_of,
    event_document,
    event_of,
    holds,
    is_conditional,
    notice_of,
    waits_for,
)
from services.api.wire import wire_document
from services.simulate.telling import alert_told


@dataclass(slots=True)
class MemoryAlerts:
    """The alerts that rules found, oldest first, each with the organization's day."""

    _found: list[tuple[Alert, date]] = field(default_factory=list)

    def happened(
        self, held: Resources, envelope: Envelope, before: Entity[Any] | None, after: Entity[Any] | None, day: date
    ) -> None:
        """Check an event against the rules that wait for it; `held`: all resources after the event."""
        event, account = event_of(envelope, str(envelope.id)), held.accounts.get(envelope.account or "")
        for rule in _active(held):
            if waits_for(rule, event):
                document = {}
                if is_conditional(rule):
                    document = event_document(held.organization, account, before, after, wire_document)
                if holds(rule, document):
                    self._found.append((notice_of(rule, event, account), day))

    def reached(self, held: Resources, due: AlertDue, root_id: str, settlement: Settlement) -> None:
        """Raise the alert of a level that was reached."""
        subject: Entity[Any] = held.commitments.get(due.subject_id) or held.balances[due.subject_id]
        state = settlement.states()[due.subject_id]
        row = due._asdict() | {
            "root_id": root_id,
            "kind": state.kind,
            "as_of": settlement.through,
            "currency": subject.body.currency,
            "amount": state.amount + state.top_ups,
            "spent": state.amount_spent,
            "remaining": state.amount_remaining,
        }
        self._found.append((alert_of(row, held.notification_configurations[due.rule_id]), settlement.through))

    def told(self, rule_id: str, called: dict[str, str]) -> Iterator[dict[str, Any]]:
        """The alerts of a rule; `called`: the file's names of entities, by id."""
        for alert, day in self._found:
            if alert.rule_id == rule_id:
                document = alert.model_dump(by_alias=True)
                about = called.get(alert.subject_id) or called.get(document.get("accountId", ""))
                yield alert_told(document, day, about)


def _active(held: Resources) -> list[Rule]:
    rules = held.notification_configurations.values()
    return [rule for rule in rules if rule.body.is_active and rule.body.event_name not in LEVELS]
