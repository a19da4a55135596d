"""Alerts among events: filters for them, their documents, and the fields of those."""

from collections.abc import Mapping
from typing import Any

from events.facts.alerts import AccountNotified, Alert, AlertRaised, OrganizationAlertRaised
from events.facts.automation import AutomaticRuleActed
from events.resources.automation import ACTS, TOLD
from events.resources.notifications import LEVELS, OF_WINDOWS
from services.store.alerts import AlertsAsked, Raised

#: m3ter's category of events about a triggered notification.
NOTIFICATION = "Notification"
NAMES = sorted(TOLD)
_CODE, _ID = "notificationCode", "notificationId"
#: Filters that only alerts pass.
OF_NOTIFICATIONS = (_CODE, _ID)
#: Members of the fact with another name on the wire.
_CALLED = {"rule_id": _ID, "rule_code": _CODE}
_TYPES = {"threshold": "double", "amount": "double", "spent": "double", "remaining": "double", "counted": "double"}
_TYPES |= {"found": "double"}


def is_about_alerts_alone(wanted: Mapping[str, Any]) -> bool:
    """Whether the filters match nothing but alerts."""
    named = {wanted.get("eventName"), wanted.get("eventType")} & {NOTIFICATION, *NAMES}
    return bool(named) or any(name in wanted for name in OF_NOTIFICATIONS)


def asked_of(wanted: Mapping[str, Any]) -> AlertsAsked | None:
    """The alerts that the list's filters match; None: none."""
    name, kind = wanted.get("eventName"), wanted.get("eventType")
    if kind not in (None, NOTIFICATION, *NAMES) or (kind in NAMES and name not in (None, kind)):
        return None
    if kind is None and name not in (None, *NAMES):
        return None  # events of this name, not alerts about them
    name = kind if kind in NAMES else name
    return AlertsAsked(name, wanted.get("accountId"), wanted.get("resourceId"), wanted.get(_ID), wanted.get(_CODE))


def alert_document(organization: str, raised: Raised) -> dict[str, Any]:
    """An alert in the shape of an event; its content stands where a created resource would."""
    fact, time = raised.fact, raised.envelope.time
    fields = {_called(type(fact), name): value for name, value in fact if value is not None}
    content = {
        "eventName": fact.event_name,
        "eventTime": time,
        "eventData": {"newDto": {"orgId": organization, **fields}},
    }
    times = {"eventTime": time, "dtActioned": time}
    return {
        "id": raised.id, "eventName": fact.event_name, "eventType": NOTIFICATION, **times, "m3terEvent": content,
    }  # fmt: skip


def alert_fields(name: str) -> dict[str, str]:
    """`new.amount` -> `double`, for every alert of this name."""
    model: type[Alert] = AlertRaised if name in LEVELS else AccountNotified
    if name in OF_WINDOWS:
        model = OrganizationAlertRaised
    if name in ACTS:
        model = AutomaticRuleActed
    names = ["orgId", *(_called(model, field) for field in model.model_fields)]
    return {f"new.{field}": _TYPES.get(field, "string") for field in sorted(names)}


def _called(model: type[Alert], name: str) -> str:
    return _CALLED.get(name) or str(model.model_fields[name].alias)
