"""Matches rules with events and levels, and makes the alerts' facts: shared by the API's process and stories in
memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid5

from events.envelope import NAMESPACE, Envelope
from events.facts.alerts import AccountNotified, Alert, AlertRaised, OrganizationNotified
from events.facts.base import Fact
from events.facts.bills import BillFact
from events.facts.resources import ResourceFact
from events.resources.notifications import NotificationConfiguration
from projections.alerts.condition import condition_of
from projections.alerts.due import alert_id
from projections.alerts.happenings import names_of
from projections.alerts.rules import rule_of
from projections.entities import AccountEntity, Entity
from services.commands.event_names import name_of

Rule = Entity[NotificationConfiguration]
#: A resource as the wire shows it.
Shown = Callable[[Entity[Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the store, and the names by which rules may know it."""

    envelope: Envelope
    id: str
    names: frozenset[str]


def event_of(envelope: Envelope, id: str, whole: Fact | None = None) -> Event:
    """The event of an envelope; `whole`: the whole bill, if the envelope has only its last part."""
    fact = envelope.data
    own = {name_of(fact)} if isinstance(fact, ResourceFact) else set()
    return Event(envelope, id, frozenset({*own, *names_of(whole or fact)}))


def waits_for(rule: Rule, event: Event) -> bool:
    """Whether the event is one that the rule waits for, before its condition: its name fits, and it is later than the
    rule's creation or last change.
    """
    is_later = event.envelope.sequence > rule.folded
    is_whose = rule.body.account_id in (None, event.envelope.account)
    return is_later and is_whose and rule.body.event_name in event.names


def is_conditional(rule: Rule) -> bool:
    """Whether the rule depends on an event's fields."""
    return bool(rule.body.calculation) and not rule.body.always_fire_event


def holds(rule: Rule, document: Mapping[str, Any]) -> bool:
    """Whether the rule's condition is true of an event's document."""
    return not is_conditional(rule) or condition_of(rule.body.calculation or "").holds(document)


def event_document(
    organization: str, account: Entity[Any] | None, before: Entity[Any] | None, after: Entity[Any] | None, shown: Shown
) -> dict[str, Any]:
    """The document that conditions read: the resource before (`old`) and after (`new`) an event, with its account."""
    beside = {"orgId": organization} | ({"accountCode": account.body.code} if account else {})
    sides = {"new": after, "old": before}
    return {side: {**shown(entity), **beside} for side, entity in sides.items() if entity is not None}


def notice_of(rule: Rule, event: Event, account: Entity[Any] | None) -> Alert:
    """The alert of a rule about an event. If the resource no longer has an account, it is an alert of the
    organization.
    """
    cause = event.envelope
    fact, arming = cause.data, str(cause.sequence)
    subject = fact.bill_id if isinstance(fact, BillFact) else getattr(fact, "id", "")
    id = str(uuid5(NAMESPACE, f"alert/{rule.id}/{rule.body.event_name}//{subject}/{arming}"))
    said = {"id": id, "rule_id": rule.id, "rule_code": rule.body.code, "event_name": rule.body.event_name}
    said |= {"subject_id": subject, "arming": arming, "event_id": event.id}
    if isinstance(account, AccountEntity):
        return AccountNotified(**said, account_id=account.id, root_id=account.root_id)
    return OrganizationNotified(**said)


def is_found_by(rule: Rule | None, row: Mapping[str, Any]) -> bool:
    """Whether the rule, in the command side's latest version, is the one behind the due alert."""
    is_active = rule is not None and rule.body.is_active
    return is_active and alert_id(rule_of(rule), row["subject_id"], row["arming"]) == row["id"]  # type: ignore[arg-type]


def alert_of(row: Mapping[str, Any], rule: Rule) -> AlertRaised:
    """The alert that is due; `row` has the state of its subject."""
    return AlertRaised(
        id=row["id"],
        rule_id=rule.id,
        rule_code=rule.body.code,
        event_name=row["event_name"],
        threshold=rule.body.threshold,
        account_id=row["account_id"],
        root_id=row["root_id"],
        subject_id=row["subject_id"],
        subject_kind=row["kind"],
        arming=row["arming"],
        day=row["day"],
        as_of=row["as_of"],
        currency=row["currency"],
        amount=row["amount"],
        spent=row["spent"],
        remaining=row["remaining"],
    )
