"""Alerts that were raised, newest first, as the event store has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from events.envelope import Envelope
from events.facts.alerts import AlertRaised
from services.store.happened import event_id_of
from services.store.rows import COLUMNS, envelope_of

_BEFORE = """
SELECT position FROM store.events
WHERE organization = $1 AND type = 'AlertRaised' AND position < $2{and_so_on} ORDER BY position DESC LIMIT $3
"""
_AT = f"""
SELECT stream, version, {COLUMNS} FROM store.events
WHERE organization = $1 AND type = 'AlertRaised' AND position = ANY($2::bigint[]) ORDER BY position DESC
"""
_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AlertsAsked:
    """Which alerts: those that fulfil all that is given; those of position `before` and after are passed over."""

    event_name: str | None = None
    account_id: str | None = None
    subject_id: str | None = None
    rule_id: str | None = None
    rule_code: str | None = None


#: What of the fact, or of its event, each of `AlertsAsked` looks at.
_COLUMNS = {
    "event_name": "data->>'eventName'",
    "account_id": "account",
    "subject_id": "data->>'subjectId'",
    "rule_id": "data->>'ruleId'",
    "rule_code": "data->>'ruleCode'",
}


async def alert_positions(
    connection: Any, organization: str, asked: AlertsAsked, before: int | None, most: int
) -> list[int]:
    """Positions of the alerts that are asked for, newest first."""
    arguments: list[Any] = [organization, _LAST if before is None else before, most]
    tests = []
    for name, column in _COLUMNS.items():
        if (value := getattr(asked, name)) is not None:
            arguments.append(value)
            tests.append(f" AND {column} = ${len(arguments)}")
    rows = await connection.fetch(_BEFORE.format(and_so_on="".join(tests)), *arguments)
    return [row["position"] for row in rows]


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert, and the id by which it is asked for as an event."""

    id: str
    envelope: Envelope
    fact: AlertRaised


async def alerts_at(connection: Any, organization: str, positions: Sequence[int], generation: str) -> list[Raised]:
    """The alerts at these positions, newest first; what else stands there is left out."""
    alerts = []
    for row in await connection.fetch(_AT, organization, list(positions)):
        envelope = envelope_of(row, generation)
        assert isinstance(envelope.data, AlertRaised)
        id = event_id_of(organization, row["stream"], row["version"], row["position"])
        alerts.append(Raised(id, envelope, envelope.data))
    return alerts
