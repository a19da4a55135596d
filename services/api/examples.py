"""Examples of bodies and answers, generated from their schemas, so that a new path needs no written example.

A member has the value for its name (`_TELLING`), else one that its type and bounds allow. A schema with examples of its
own, such as a bill's line, keeps its first one. An example of a body must be accepted by the body's own reader: rules
outside the schema, such as "exactly one of planId and planGroupId", are met by trying.
"""

import json
import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any
from uuid import uuid5

from events.envelope import NAMESPACE
from services.api.sent import Body, Sent
from services.commands.refused import CommandError

Schema = Mapping[str, Any]

#: By a member's name, its value in every example whose schema allows it; or only in examples of a named schema.
_TELLING: dict[str, Any] = {
    **dict.fromkeys(("account", "accountCode", "code"), "acme"),
    **dict.fromkeys(("amountLapsed", "amountRolledOver", "amountUnscheduled"), 0),
    **dict.fromkeys(("amountSpent", "billTotal", "convertedSubtotal"), 300),
    **dict.fromkeys(("amount", "units"), 1200),
    **dict.fromkeys(("averageUnitPrice", "unitPrice"), 0.25),
    "Aggregation.code": "calls",
    "Aggregation.name": "Calls",
    "CompoundAggregation.calculation": "aggregation.calls / 1000",
    "CompoundAggregation.name": "Calls in thousands",
    "Contract.name": "Acme 2026",
    "Counter.name": "Seats",
    "Counter.unit": "seat",
    "DataField.code": "calls",
    "DataField.name": "Calls",
    "Meter.code": "api",
    "Meter.name": "API",
    **{"NotificationConfiguration.eventName": "alert.funds.used", "threshold": 80},
    **{"Plan.code": "standard", "Plan.name": "Standard"},
    "PlanGroup.name": "All products",
    "PlanTemplate.name": "Monthly",
    **{"Product.code": "api", "Product.name": "API"},
    **{"Webhook.url": "https://hooks.acme.example/trueup", "eventType": "alert.funds.used"},
    "access_token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJrZXktMSJ9.c2lnbmF0dXJl",
    "amountRemaining": 900,
    "billDate": "2026-02-01",
    "chargeDescription": "Keeping the balance",
    "conversionRate": 1,
    "country": "DE",
    "createdBy": "key-1",
    "currency": "USD",
    "daysBeforeBillDue": 30,
    "description": "API calls",
    "dueDate": "2026-03-03",
    "emailAddress": "billing@acme.example",
    "endDate": "2027-01-01",
    "expires_in": 18000,
    "fieldCode": "calls",
    "fixedPrice": 0,
    "lastDateInBillingPeriod": "2026-01-31",
    "lastModifiedBy": "key-1",
    "locality": "Berlin",
    "lowerLimit": 0,
    "message": "amount: must be greater than 0",
    "meter": "api",
    "minimumSpend": 100,
    "multiplier": 1.1,
    "name": "Acme",
    "nextToken": "YmVmb3JlIDQy",
    "overageSurchargePercent": 10,
    "postCode": "10115",
    "problem": "the relay is 12 behind and has not moved for 9 s: is it running?",
    "quantity": 1200,
    "quantityPerUnit": 1,
    "region": "eu",
    "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "servicePeriodEndDate": "2026-02-01T00:00:00Z",
    "source": "/gateway",
    "standingCharge": 99.9,
    "startDate": "2026-01-01",
    "statusMessage": "1 entity was updated",
    "subtotal": 300,
    "targetField": "calls",
    "timezone": "Europe/Berlin",
    "transactionDescription": "Monthly top-up",
    "uid": "request-1",
    "unit": "call",
    "version": 1,
    "weekEpoch": "2026-01-05",
}
#: Optional members that an example of a body shows; for one body only, if that is named.
_SHOWN = {"Aggregation.code", "overageSurchargePercent", "minimumSpend", "productId", "uid", "address"}
#: Preferred choices of an enumeration.
_CHOSEN = {"ACTIVE", "APPROVED", "COMPLETE", "MEASURE", "MONTHLY", "NONE", "USAGE"}
_FORMATS = {"date": "2026-01-01", "date-time": "2026-01-01T00:00:00Z", "uuid": str(uuid5(NAMESPACE, "example"))}
#: The entry of a map, by the type of its values.
_MAPS: dict[str, dict[str, Any]] = {"string": {"region": "eu"}, "number": {"calls": 3}, "integer": {"relay": 0}}
_KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "number": (int, float)}
#: How many optional members are tried together until a body is accepted.
_TOGETHER = 3


class NoExampleError(ValueError):
    """No example of a body was found that its reader takes: its model needs one of its own (`json_schema_extra`)."""


class Examples:
    """Examples of the document's schemas, by their names."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self._bodies: dict[str, dict[str, Any]] = {}

    def of_body(self, body: Body[Any]) -> dict[str, Any]:
        """A body that its reader accepts. Raises: NoExampleError."""
        if body.name not in self._bodies:
            self._bodies[body.name] = self._example(body)
        return self._bodies[body.name]

    def of_answer(self, name: str) -> Any:
        """An answer of this schema."""
        return self._value({"$ref": name}, "", ())

    def _example(self, body: Body[Any]) -> dict[str, Any]:
        schema = self._schemas[body.name]
        if "examples" in schema:
            return dict(schema["examples"][0])
        required = schema.get("required", ())
        sent = {
            name: part for name, part in schema["properties"].items() if name in required or not part.get("readOnly")
        }
        whole = {name: self._value(part, name, (body.name,)) for name, part in sent.items()}
        least = {name: whole[name] for name in required}
        optional = [name for name in whole if name not in required]
        for count in range(_TOGETHER + 1):
            for tried in combinations(optional, count):
                document = least | {name: whole[name] for name in tried}
                if _is_taken(body, document):
                    return self._fuller(body, document, whole)
        raise NoExampleError(body.name)

    def _fuller(self, body: Body[Any], document: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
        """The body with further members worth showing, if the reader accepts it."""
        for name, value in whole.items():
            is_shown = bool({name, f"{body.name}.{name}"} & _SHOWN)
            if is_shown and name not in document and _is_taken(body, document | {name: value}):
                document = document | {name: value}
        return document

    def _value(self, schema: Schema, name: str, above: tuple[str, ...]) -> Any:
        match schema:
            case {"$ref": reference}:
                example = self._referred(reference.rpartition("/")[2], name, above)
            case {"examples": [first, *_]}:
                example = first
            case {"const": only}:
                example = only
            case {"enum": choices}:
                example = next((choice for choice in choices if choice in _CHOSEN), choices[0])
            case {"anyOf": forms}:
                example = self._value(next(form for form in forms if form.get("type") != "null"), name, above)
            case {"type": "object"}:
                example = self._members(schema, above)
            case {"type": "array"}:
                items, fewest = schema.get("items", {}), schema.get("minItems", 1)
                example = [self._value(items, name.removesuffix("s"), above) for _ in range(max(1, fewest))]
            case _:
                example = _scalar(schema, name, above)
        return example

    def _referred(self, schema_name: str, name: str, above: tuple[str, ...]) -> Any:
        schema = self._schemas[schema_name]
        if schema_name in above:
            return {}
        if schema.get("type") != "object" or "examples" in schema:
            return self._value(schema, name, above)
        return self._members(schema, (*above, schema_name), self._bodies.get(schema_name.removesuffix("Answer")))

    def _members(self, schema: Schema, above: tuple[str, ...], sent: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """An object. Members that were sent are repeated; optional members that were not sent are absent."""
        members = dict(_map_of(schema)) if not schema.get("properties") else {}
        required = schema.get("required", ())
        unread = {} if sent is None else self._schemas[above[-1].removesuffix("Answer")]["properties"]
        for name, member in schema.get("properties", {}).items():
            is_derived = unread.get(name) == {"readOnly": True} and _is_plain(member)
            if sent is not None and name in sent:
                members[name] = sent[name]
            elif name in required or is_derived or (sent is None and not _is_map(member)):
                members[name] = self._value(member, name, above)
        return members


def _is_taken(body: Body[Any], document: dict[str, Any]) -> bool:
    beside = {name: document.get(name, _FORMATS["uuid"]) for name in body.in_path}
    try:
        Sent(json.dumps(document).encode(), body).read(**beside)
    except CommandError:
        return False
    return True


def _map_of(schema: Schema) -> dict[str, Any]:
    values = schema.get("additionalProperties")
    return _MAPS.get(values.get("type", ""), {}) if isinstance(values, dict) else {}


def _is_map(schema: Schema) -> bool:
    return any(isinstance(form.get("additionalProperties"), dict) for form in (schema, *schema.get("anyOf", ())))


def _is_plain(schema: Schema) -> bool:
    """Whether it is a single value: a list of derived values would be invented."""
    return schema.get("type") not in ("array", "object") and "$ref" not in schema


#: Suffixes of schemas' names after the model's name.
_ENDING = re.compile(r"(-Input|-Output|Update|Answer)$")


def _scalar(schema: Schema, name: str, above: tuple[str, ...]) -> Any:
    """A text, a number or a boolean; the last schema in `above` is the one it is a member of."""
    whole = f"{_ENDING.sub('', above[-1])}.{name}" if above else name
    telling = _TELLING.get(whole, _TELLING.get(name))
    if telling is not None and _allows(schema, telling):
        return telling
    match schema.get("type"):
        case "boolean":
            return schema.get("default", False)
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1)
        case "string" if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        case "string":
            most = schema.get("maxLength", 36)
            is_id = name == "id" or name.endswith("Id") or schema.get("minLength") == 36
            return str(uuid5(NAMESPACE, name)) if is_id and most >= 36 else (name or "text")[:most]
        case _:
            return name


def _allows(schema: Schema, value: str | int | float) -> bool:
    kind = _KINDS.get(schema.get("type", ""), ())
    if not isinstance(value, kind):
        return False
    if schema.get("format") in _FORMATS:
        return bool(("T" in str(value)) == (schema["format"] == "date-time"))
    if isinstance(value, str):
        return int(schema.get("minLength", 0)) <= len(value) <= int(schema.get("maxLength", len(value)))
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
