"""JSON Schemas of what the topics hold, made from the types that write and read it.

Facts are pydantic models. A usage event is a msgspec struct of ingest; ingest checks numbers and bounds by code of its
own, so they are added here from ingest's constants. A bill line item is a line of a `BillIssued`, together with
fields of its bill.
"""

from inspect import getdoc
from typing import Any

import msgspec
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from events.decimals import plain
from events.envelope import Envelope
from events.facts import FACTS
from events.facts.alerts import AccountNotified, AlertRaised, OrganizationAlertRaised, OrganizationNotified
from events.facts.automation import AutomaticRuleActed
from events.facts.bills import BillLine
from events.resources.bounds import TOLD_CLIENTS, USAGE_TEXT_MAX
from services.ingest.cloudevent import CloudEvent
from services.ingest.validate import MAX_ID_LENGTH
from services.relay.notifications import TYPE, Notification
from services.relay.relay import BillMembers

SCHEMAS = "#/components/schemas/{model}"
#: A number in the log is a text in plain notation, exact.
_NUMBER = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
USAGE_EVENT, LINE_ITEM, NOTIFICATION = "UsageEvent", "BillLineItem", "Notification"


class RecordSchema(GenerateJsonSchema):
    """Makes schemas of what is written to the log: a number is a text; pydantic's own discriminators, and titles that
    only repeat a name, are left out.
    """

    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        """Leave out what holds for clients' request bodies only: the log does not promise it."""
        schema_made = super().generate_inner(schema)
        return {name: value for name, value in schema_made.items() if name != TOLD_CLIENTS}

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return dict(_NUMBER)

    def ser_schema(self, schema: Any) -> JsonSchemaValue | None:
        """A decimal that is written by `plain` is a text; other serializers write what the type says anyway."""
        return dict(_NUMBER) if schema.get("function") is plain else None

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Fields that only clients have to give (`events.resources.bounds`) may be absent in the log."""
        schema_made = super().model_schema(schema)
        required = [field.alias or name for name, field in schema["cls"].model_fields.items() if field.is_required()]
        return {name: value for name, value in schema_made.items() if name != "required"} | (
            {"required": required} if required else {}
        )

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave defaults out: they stand for absent fields, and say nothing about a value that is present."""
        return self.generate_inner(schema["schema"])

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        schema_made = super().tagged_union_schema(schema)
        return {name: value for name, value in schema_made.items() if name != "discriminator"}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class PresentSchema(RecordSchema):
    """RecordSchema for types that never write null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def schemas() -> dict[str, Any]:
    """All schemas by name: facts and the types in them, the envelope, usage event, bill line item, notification."""
    facts = [(fact, "serialization") for fact in FACTS.values()]
    _, made = models_json_schema(facts, ref_template=SCHEMAS, schema_generator=RecordSchema)  # type: ignore[arg-type]
    by_name: dict[str, Any] = made["$defs"]
    for name, fact in FACTS.items():
        by_name[name]["description"] = getdoc(fact)
    envelope = Envelope.model_json_schema(mode="serialization", schema_generator=PresentSchema, ref_template=SCHEMAS)
    del envelope["$defs"]
    by_name["Envelope"] = envelope | {"properties": envelope["properties"] | {"data": {"type": "object"}}}
    by_name[USAGE_EVENT] = _usage()
    by_name[LINE_ITEM] = _line_item()
    by_name[NOTIFICATION] = _notification()
    return dict(sorted(_plain(by_name).items()))


def record_of(name: str) -> dict[str, Any]:
    """The schema of a record of the log whose fact has this name: an envelope with that type, versions and data."""
    version = {"type": "integer", "minimum": 1, "maximum": FACTS[name].schema_version}
    members = {"type": {"const": name}, "schema": version, "data": {"$ref": SCHEMAS.format(model=name)}}
    return {"allOf": [{"$ref": SCHEMAS.format(model="Envelope")}, {"type": "object", "properties": members}]}


def _usage() -> dict[str, Any]:
    """The struct that ingest decodes, in one schema, with the bounds that ingest checks by code."""
    _, made = msgspec.json.schema_components([CloudEvent])
    event, data = made["CloudEvent"], made["UsageData"]
    text, instant = {"type": "string", "maxLength": USAGE_TEXT_MAX}, {"type": "string", "format": "date-time"}
    for name, schema in data["properties"].items():
        if schema.get("type") == "object":
            values = {"type": "number"} if "additionalProperties" not in schema else text
            data["properties"][name] = {"type": "object", "additionalProperties": values}
    data["properties"]["ets"] = {"anyOf": [instant, {"type": "null"}]}
    data["description"] = (
        "`meter` is a meter's code. A name in a map is the code of a field of the meter, in the map of its category."
    )
    named = {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH}
    event["properties"] |= {"data": data, "time": instant, "id": named}
    event["properties"]["datacontenttype"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    event["title"] = USAGE_EVENT
    event["description"] = (
        "A CloudEvent of version 1.0. `subject` is an account's code. An `id` counts once per organization, account and"
        " source within 35 days. Other extension attributes may stand here, and are not read."
    )
    return dict(event)


def _line_item() -> dict[str, Any]:
    line = BillLine.model_json_schema(mode="serialization", schema_generator=PresentSchema, ref_template=SCHEMAS)
    del line["$defs"]  # the types in a line are among those of facts
    _, made = msgspec.json.schema_components([BillMembers])
    bill = made["BillMembers"]
    return line | {
        "title": LINE_ITEM,
        "description": "A line of an issued bill, for invoicing. Amounts are whole minor units, exact.",
        "properties": bill["properties"] | line["properties"],
        "required": [*bill["required"], *line["required"]],
    }


def _notification() -> dict[str, Any]:
    _, made = msgspec.json.schema_components([Notification])
    event = made["Notification"]
    facts = (AlertRaised, AccountNotified, OrganizationAlertRaised, OrganizationNotified, AutomaticRuleActed)
    event["properties"] |= {
        "type": {"const": TYPE},
        "time": {"type": "string", "format": "date-time"},
        "data": {"anyOf": [{"$ref": SCHEMAS.format(model=fact.__name__)} for fact in facts]},
    }
    return dict(event)


#: Numeric bounds that pydantic adds to numbers. Our numbers are texts, for which JSON Schema has no such keywords.
_UNSAYABLE = {"gt", "ge", "lt", "le"}


def _plain(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _plain(value) for name, value in schema.items() if name not in _UNSAYABLE}
    return [_plain(part) for part in schema] if isinstance(schema, list) else schema
