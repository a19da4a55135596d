"""What destinations are sent of some events. Pure, and bounded by bytes: an event may be as large as a record of the
log, and fifty destinations may want it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid5

from events.envelope import NAMESPACE
from events.resources.automation import TOLD
from events.resources.webhooks import NOTIFICATION, wants
from services.webhooks.deliveries import New
from services.webhooks.destinations import Destination

Encode = Callable[[Any], bytes]


class Told(NamedTuple):
    """An event as every destination is sent it, by the name that filters know it by."""

    position: int
    id: str
    name: str
    subject: str
    body: str


def told_of(
    documents: Sequence[tuple[int, Mapping[str, Any]]], destinations: Sequence[Destination], encode: Encode
) -> list[Told]:
    """Of documents, newest first, those that any destination wants, oldest first: each is encoded once for all."""
    told = []
    for position, event in reversed(documents):
        name = type_of(event)
        if any(_is_sent(destination, position, name) for destination in destinations):
            body = encode({"type": name, "timestamp": event["eventTime"], "data": event}).decode()
            told.append(Told(position, event["id"], name, subject_of(event), body))
    return told


def parts_of(
    most: int, destinations: Sequence[Destination], told: Sequence[Told]
) -> Iterator[list[tuple[str, list[New]]]]:
    """What is added in one transaction each, by destination in the order of events: so many bytes and one delivery at
    most. There is one part at least."""
    part, bytes = list[tuple[str, list[New]]](), 0
    for destination in destinations:
        deliveries = list[New]()
        for one in told:
            if not _is_sent(destination, one.position, one.name):
                continue
            if bytes >= most:
                yield [*part, (destination.id, deliveries)] if deliveries else part
                part, deliveries, bytes = [], [], 0
            id = delivery_id(destination.id, one.id)
            deliveries.append(New(id, one.id, one.name, one.subject, one.body))
            bytes += len(one.body)
        if deliveries:
            part.append((destination.id, deliveries))
    yield part


def _is_sent(destination: Destination, position: int, name: str) -> bool:
    return position > destination.since and wants(destination.event_types, name)


def delivery_id(destination: str, event: str) -> str:
    """What a receiver knows a delivery by: whoever makes it once more, it is the same."""
    return f"msg_{uuid5(NAMESPACE, f'webhook/{destination}/{event}').hex}"


def type_of(event: Mapping[str, Any]) -> str:
    """The name by which filters know an event: an alert about an event is not that event."""
    name: str = event["eventName"]
    return NOTIFICATION if event["eventType"] == NOTIFICATION and name not in TOLD else name


def subject_of(event: Mapping[str, Any]) -> str:
    """The id of what an event is about: an alert, of what it is raised about."""
    data = event["m3terEvent"]["eventData"]
    told = data.get("newDto") or data["oldDto"]
    return str(told.get("subjectId") or told["id"])
