"""Raised alerts in the event store, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from events.envelope import Envelope
from events.facts.alerts import AccountNotified, Alert, AlertRaised, OrganizationAlertRaised, OrganizationNotified
from events.facts.automation import AutomaticRuleActed
from services.store.conditions import LAST_POSITION, of_each_type
from services.store.happened import event_id_of
from services.store.listing import SqlCondition, all_placed
from services.store.rows import COLUMNS, envelope_of

_FACTS = (AlertRaised, AccountNotified, OrganizationAlertRaised, OrganizationNotified, AutomaticRuleActed)
#: The types of facts that are alerts or acts of automatic rules.
ALERT_TYPES = [fact.__name__ for fact in _FACTS]
_BEFORE = of_each_type("unnest($2::text[]) AS asked (type)", "e.position < $3{and_so_on}", "DESC", "$4")
_AT = f"""
SELECT stream, version, {COLUMNS} FROM store.events
WHERE organization = $1 AND type = ANY($2::text[]) AND position = ANY($3::bigint[]) ORDER BY position DESC
"""


@dataclass(frozen=True, slots=True)
class AlertsAsked:
    """A query for alerts: all given fields must match; alerts from position `before` on are skipped."""

    event_name: str | None = None
    account_id: str | None = None
    subject_id: str | None = None
    rule_id: str | None = None
    rule_code: str | None = None


#: The part of the fact, or of its event, that each field of `AlertsAsked` compares.
_COLUMNS = {
    "event_name": "e.data->>'eventName'",
    "account_id": "e.account",
    "subject_id": "e.data->>'subjectId'",
    "rule_id": "e.data->>'ruleId'",
    "rule_code": "e.data->>'ruleCode'",
}


async def alert_positions(
    connection: Any,
    organization: str,
    question: AlertsAsked,
    before: int | None,
    most: int,
    conditions: Sequence[SqlCondition] = (),
    types: Sequence[str] = ALERT_TYPES,
) -> list[int]:
    """Positions of the alerts that are asked for, newest first; their events, rows `e`, fulfil the conditions."""
    arguments: list[Any] = [organization, list(types), LAST_POSITION if before is None else before, most]
    tests = []
    for name, column in _COLUMNS.items():
        if (value := getattr(question, name)) is not None:
            arguments.append(value)
            tests.append(f" AND {column} = ${len(arguments)}")
    query = _BEFORE.format(and_so_on="".join(tests) + all_placed(conditions, arguments))
    rows = await connection.fetch(query, *arguments)
    return [row["position"] for row in rows]


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert, and its id as an event."""

    id: str
    envelope: Envelope
    fact: Alert


async def alerts_at(connection: Any, organization: str, positions: Sequence[int], generation: str) -> list[Raised]:
    """The alerts at these positions, newest first; events that are no alerts are left out."""
    alerts = []
    for row in await connection.fetch(_AT, organization, ALERT_TYPES, list(positions)):
        envelope = envelope_of(row, generation)
        assert isinstance(envelope.data, Alert)
        id = event_id_of(organization, row["stream"], row["version"], row["position"])
        alerts.append(Raised(id, envelope, envelope.data))
    return alerts
