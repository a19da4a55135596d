"""Envelopes to bytes and back, old schema versions included.

A fact's JSON is stored for ever. When its shape changes, its `schema_version` rises and an upcaster here turns the old
JSON into the new one before validation; golden files in `tests/golden/` prove that every version still decodes.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from events.envelope import Envelope
from events.facts import FACTS

#: A function from one version's data to the next version's; by (type, schema version).
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


def _unchanged(data: dict[str, Any]) -> dict[str, Any]:
    """The next version only has more members, which may be absent."""
    return data


def _draws_name_their_charge(bill: dict[str, Any]) -> dict[str, Any]:
    """Version 1 said of a draw only which prices its charge has: an aggregation is priced for usage alone."""
    lines = [
        line | {"chargeType": "USAGE"} if line["type"].endswith("_CONSUMED") and line.get("aggregationId") else line
        for line in bill["lines"]
    ]
    return bill | {"lines": lines}


UPCASTERS: dict[tuple[str, int], Upcaster] = {
    ("BillIssued", 1): _draws_name_their_charge,
    ("CommitmentCreated", 1): _unchanged,
    ("CommitmentUpdated", 1): _unchanged,
    ("PlanUpdated", 1): _unchanged,
    ("PlanTemplateUpdated", 1): _unchanged,
}


class UndecodableRecordError(ValueError):
    """A record of the log could not be decoded."""


def encode(envelope: Envelope) -> bytes:
    """The envelope as compact JSON; absent members are left out, unset members of a resource's body too."""
    document = envelope.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"data"})
    document["data"] = envelope.data.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def upcast(type_name: str, version: int, data: dict[str, Any]) -> dict[str, Any]:
    """The data in its type's current shape. Raises: UndecodableRecordError for a version from the future."""
    current = FACTS[type_name].schema_version
    if version > current:
        raise UndecodableRecordError(f"{type_name} has schema version {version}, this program knows up to {current}")
    for step in range(version, current):
        data = UPCASTERS[type_name, step](data)
    return data


def decode(value: bytes) -> Envelope:
    """The envelope of a record's value.

    Raises: UndecodableRecordError, naming the type where it is known.
    """
    try:
        document = json.loads(value, parse_float=Decimal)
        type_name = document["type"]
        if type_name not in FACTS:
            raise UndecodableRecordError(f"unknown fact type {type_name!r}")
        data = upcast(type_name, document["schema"], document["data"])
        document["data"] = FACTS[type_name].model_validate(data)
        document["schema"] = FACTS[type_name].schema_version
        return Envelope.model_validate(document)
    except UndecodableRecordError:
        raise
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise UndecodableRecordError(f"not a record of the log: {error}") from error
