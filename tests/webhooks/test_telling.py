"""What destinations are sent of some events is encoded once, and cut into parts by its bytes."""

from typing import Any

from services.webhooks.destinations import DESTINATIONS_MAX, Destination
from services.webhooks.telling import Told, delivery_id, parts_of, told_of

NAME = "configuration.product.created"
EVERY = [Destination(f"hook-{number:02}", ("*",), 0) for number in range(DESTINATIONS_MAX)]


def document(id: str) -> dict[str, Any]:
    data = {"eventData": {"newDto": {"id": "product"}}}
    return {"id": id, "eventName": NAME, "eventType": NAME, "eventTime": "now", "m3terEvent": data}


def told(position: int, bytes: int) -> Told:
    return Told(position, f"event-{position}", NAME, "product", "x" * bytes)


def test_an_event_is_encoded_once_for_however_many_destinations() -> None:
    encoded = list[str]()

    def encode(body: Any) -> bytes:
        encoded.append(body["data"]["id"])
        return b"body"

    events = told_of([(3, document("c")), (2, document("b")), (1, document("a"))], EVERY, encode)
    assert encoded == ["a", "b", "c"] == [event.id for event in events]
    [part] = parts_of(1_000_000, EVERY, events)
    assert len(part) == len(EVERY) and {id(new.body) for _, deliveries in part for new in deliveries} == {
        id(event.body) for event in events
    }


def test_what_nobody_wants_is_not_encoded() -> None:
    wanting = [Destination("later", ("*",), 2), Destination("other", ("billing.*",), 0)]
    events = told_of([(3, document("c")), (2, document("b"))], wanting, lambda _: b"")
    assert [event.id for event in events] == ["c"]
    assert list(parts_of(1, wanting, [])) == [[]], "how far was looked moves in any case"


def test_parts_have_so_many_bytes_and_each_destination_its_events_in_order() -> None:
    events = [told(1, 60), told(2, 60), told(3, 200), told(4, 0)]
    parts = list(parts_of(100, EVERY[:3], events))
    bytes = [sum(len(new.body) for _, deliveries in part for new in deliveries) for part in parts]
    assert all(0 < size <= 100 + 199 for size in bytes[:-1]) and sum(bytes) == 3 * 320 and len(parts) > 3
    for destination in EVERY[:3]:
        sent = [new.id for part in parts for id, deliveries in part for new in deliveries if id == destination.id]
        assert sent == [delivery_id(destination.id, event.id) for event in events]
