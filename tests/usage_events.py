"""Usage as publishers send it: CloudEvents, in records of the topic `usage`."""

import json
from typing import Any

from events.topics import usage_key
from services.kafka import Record

Event = dict[str, Any]


def usage_event(
    organization: str, account: str, id: str, time: str, *, meter: str = "api", source: str = "/test", **data: Any
) -> Event:
    """An event of the account's code. `data`: categories with their fields; one call if nothing is said."""
    measured = data or {"measure": {"calls": 1}}
    return {
        "specversion": "1.0", "id": id, "source": source, "type": "trueup.usage", "subject": account, "time": time,
        "organization": organization, "data": {"meter": meter, **measured},
    }  # fmt: skip


def usage_value(event: Event) -> bytes:
    """Its bytes."""
    return json.dumps(event).encode()


def usage_record(event: Event, *headers: tuple[str, bytes]) -> Record:
    """The record that its publisher sends, by the key of its account."""
    return Record(usage_key(event["organization"], event["subject"]), usage_value(event), headers)
