"""Envelopes to bytes and back, old schema versions included.

A fact's JSON is stored for ever. When its shape changes, its `schema_version` rises and an upcaster here turns the old
JSON into the new one before validation; golden files in `tests/golden/` prove that every version still decodes.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from events.envelope import Envelope, event_id
from events.facts import FACTS
from events.sources import Origins

#: A function from one version's data to the next version's; by (type, schema version).
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


def _unchanged(data: dict[str, Any]) -> dict[str, Any]:
    """For a version that only added optional members."""
    return data


#: The members that a draw shares with the charge it pays.
_CHARGED_FOR = (
    "accountId", "productId", "planId", "accountPlanId", "contractId", "pricingId", "aggregationId", "counterId",
    "meterId", "segment", "periodStart", "periodEnd",
)  # fmt: skip


def _draws_name_their_charge(bill: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say which type of charge a draw pays. An aggregation is priced for usage only; otherwise the
    bill's charges tell.

    A draw on charges of several types, which shared one line in version 1, is left unchanged.
    """
    charged: dict[tuple[Any, ...], set[str]] = {}
    for line in bill["lines"]:
        if not (line.get("commitmentId") or line.get("balanceId")):
            charged.setdefault(tuple(map(line.get, _CHARGED_FOR)), set()).add(line["type"])

    def named(line: dict[str, Any]) -> dict[str, Any]:
        if not line["type"].endswith("_CONSUMED"):
            return line
        types = {"USAGE"} if line.get("aggregationId") else charged.get(tuple(map(line.get, _CHARGED_FOR)), set())
        return line | {"chargeType": min(types)} if len(types) == 1 else line

    return bill | {"lines": [named(line) for line in bill["lines"]]}


UPCASTERS: dict[tuple[str, int], Upcaster] = {
    ("AccountCreated", 1): _unchanged,
    ("BillIssued", 1): _draws_name_their_charge,
    ("BillIssued", 2): _unchanged,
    ("CommitmentCreated", 1): _unchanged,
    ("CommitmentUpdated", 1): _unchanged,
    ("PlanUpdated", 1): _unchanged,
    ("PlanTemplateUpdated", 1): _unchanged,
    ("UsageRead", 1): _unchanged,
}


#: Where a person finds the release that is needed; this release cannot know its name.
_WHICH = 'CHANGELOG.md, "What needs what", names the release that it needs'


class UndecodableRecordError(ValueError):
    """A record of the log could not be decoded."""


class NewerRecordError(UndecodableRecordError):
    """A newer program wrote the record, so this program must not read past it."""


class ForeignRecordError(ValueError):
    """A record in one of our topics that Trueup did not write; the message says why."""


#: What `json` raises for text that is none, or is nested too deeply.
_NOT_JSON = (ValueError, RecursionError)
#: Made once: `json.loads` makes a decoder for each call and also tries encodings other than UTF-8.
_JSON = json.JSONDecoder(parse_float=Decimal)


def encode(envelope: Envelope) -> bytes:
    """The envelope as compact JSON, without absent members and without unset members of a resource's body."""
    document = envelope.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"data"})
    document["data"] = envelope.data.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def upcast(type_name: str, version: int, data: dict[str, Any]) -> dict[str, Any]:
    """The data in its type's current shape. Raises: NewerRecordError."""
    if type_name not in FACTS:
        raise NewerRecordError(f"unknown fact type {type_name!r}; {_WHICH}")
    current = FACTS[type_name].schema_version
    if version > current:
        raise NewerRecordError(
            f"{type_name} has schema version {version}, this program knows up to {current}; {_WHICH}"
        )
    for step in range(version, current):
        data = UPCASTERS[type_name, step](data)
    return data


def decode(value: bytes) -> Envelope:
    """The envelope in a value that Trueup is known to have written. Raises: UndecodableRecordError."""
    try:
        return _envelope(_JSON.decode(value.decode()))
    except UndecodableRecordError:
        raise
    except (*_NOT_JSON, KeyError, TypeError, ValidationError) as error:
        raise UndecodableRecordError(f"not a record of the log: {error}") from error


def decode_own(value: bytes | None, origins: Origins) -> Envelope:
    """The envelope of a record read from one of our topics, where a stranger may have put it.

    A record is ours if its id follows from one of our sources and its sequence. Raises: ForeignRecordError;
    UndecodableRecordError for a record of ours that this program does not understand.
    """
    try:
        document = _JSON.decode((value or b"").decode())
    except _NOT_JSON:
        raise ForeignRecordError("it is no JSON" if value else "it has no value") from None
    if not isinstance(document, dict):
        raise ForeignRecordError("it is no envelope")
    source, sequence = document.get("source"), document.get("sequence")
    if not isinstance(source, str) or not isinstance(sequence, int):
        raise ForeignRecordError("it is no envelope")
    if not origins.own(source):
        raise ForeignRecordError(f"its source {source[:80]!r} is none of this system's")
    if document.get("id") != str(event_id(source, sequence)):
        raise ForeignRecordError("its id does not follow from its source and sequence")
    try:
        return _envelope(document)
    except UndecodableRecordError:
        raise
    except (*_NOT_JSON, KeyError, TypeError, ValidationError) as error:
        raise UndecodableRecordError(f"a record of {source} that cannot be understood: {error}") from error


def _envelope(document: dict[str, Any]) -> Envelope:
    type_name = document["type"]
    data = upcast(type_name, document["schema"], document["data"])
    document["data"] = FACTS[type_name].model_validate(data)
    document["schema"] = FACTS[type_name].schema_version
    return Envelope.model_validate(document)
