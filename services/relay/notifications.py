"""Alerts for outside consumers: CloudEvents in topic `billing.notifications`."""

import json
from typing import Any, TypedDict

from events.dates import instant_text
from events.envelope import Envelope
from events.facts.alerts import Alert
from services.kafka import Record

TYPE = "trueup.alert.raised"


class Notification(TypedDict):
    """A CloudEvent of version 1.0. `id` is the alert's, so repeated records are recognised. `subject` is the alert's
    subject; `data` has the members of the fact, an `Alert`.
    """

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    organization: str
    data: dict[str, Any]


def notification_of(envelope: Envelope, alert: Alert) -> Record:
    """Keyed by the root of the account's family, in whose partition the alert stands in the log, too; what is about the
    whole organization by that."""
    notification = Notification(
        specversion="1.0",
        id=alert.id,
        source=f"/organizations/{envelope.organization}",
        type=TYPE,
        subject=alert.subject_id,
        time=instant_text(envelope.time),
        datacontenttype="application/json",
        organization=envelope.organization,
        data=alert.model_dump(mode="json", by_alias=True, exclude_none=True),
    )
    value = json.dumps(notification, separators=(",", ":"), ensure_ascii=False).encode()
    root = getattr(alert, "root_id", envelope.organization)
    return Record(root.encode(), value, [("position", str(envelope.sequence).encode())])
