"""Measurements as the records that any publisher would write: CloudEvents in topic `usage`, by partition."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from secrets import token_hex
from typing import Any, NamedTuple

import msgspec

from events.topics import usage_key
from services.api.measurement_bodies import Item
from services.kafka import Record

Headers = Sequence[tuple[str, bytes | None]]
#: Who measured it, where an item does not say: a part of what a repeated uid is known by.
SOURCE = "/measurements"
#: Characters of what all ids of a request begin with; with an item's place behind it there is room for both in a uid.
_STEM = 32


class _Data(msgspec.Struct, omit_defaults=True, gc=False):
    """`services.ingest.cloudevent.UsageData` on the wire."""

    meter: str
    measure: dict[str, Any] | None = None
    cost: dict[str, Any] | None = None
    income: dict[str, Any] | None = None
    who: dict[str, str] | None = None
    what: dict[str, str] | None = None
    where: dict[str, str] | None = None
    other: dict[str, str] | None = None
    metadata: dict[str, str] | None = None
    ets: str | None = None


class _Event(msgspec.Struct, gc=False):
    """`services.ingest.cloudevent.CloudEvent` on the wire."""

    specversion: str
    type: str
    id: str
    source: str
    subject: str
    time: str
    organization: str
    data: _Data


_encode = msgspec.json.Encoder().encode


class Placed(NamedTuple):
    """What goes to one partition, and which items of the request these are."""

    records: list[Record]
    indexes: list[int]


def stem_of(organization: str, key: str | None) -> str:
    """What the ids of a request's items begin with that have none: the same for the same Idempotency-Key."""
    return token_hex(_STEM // 2) if key is None else sha256(f"{organization}\0{key}".encode()).hexdigest()[:_STEM]


def placed(
    items: Sequence[Item], organization: str, places: Mapping[str, int], stem: str, headers: Headers = ()
) -> dict[int, Placed]:
    """The records of all items, in their order, by partition; each with these headers."""
    found: dict[int, Placed] = {}
    keys = {code: usage_key(organization, code) for code in places}
    for index, one in enumerate(items):
        account = one.account
        data = _Data(
            one.meter, one.measure, one.cost, one.income,
            one.who, one.what, one.where, one.other, one.metadata, one.ets,
        )  # fmt: skip
        uid = one.uid or f"{stem}-{index}"
        event = _Event("1.0", "trueup.usage", uid, one.source or SOURCE, account, one.ts, organization, data)
        partition = places[account]
        place = found.get(partition)
        if place is None:
            place = found[partition] = Placed([], [])
        place.records.append(Record(keys[account], _encode(event), headers))
        place.indexes.append(index)
    return found
