"""What the data of an event has, field by field, as those who write conditions on events need to know it."""

from functools import cache
from typing import Any

from events.resources.balances import Balance
from events.resources.base import Resource
from events.resources.commitments import Commitment
from services.api.openapi import WireSchema

#: Which sides an event has, by how its name ends.
_SIDES = {"created": ("new",), "updated": ("new", "old"), "deleted": ("old",)}
#: m3ter's words for JSON's types.
_WORDS = {"number": "double", "integer": "int", "object": "map"}
#: What is not a field of the body.
_BESIDE = {
    **dict.fromkeys(("id", "orgId", "dtCreated", "dtLastModified", "createdBy", "lastModifiedBy"), "string"),
    "version": "int",
}

#: What later facts add to a body, as `services.api.funds.added_to` shows it.
_ADDED: dict[type[Resource], dict[str, str]] = {
    Balance: {"amount": "double"},
    Commitment: {"amountUnscheduled": "double", "topUps": "array", "cancellation": "map"},
}


def fields_of(model: type[Resource], name: str) -> dict[str, str]:
    """`new.amount` -> `double`, of an event of this name about a resource of this model; by field."""
    fields = _typed(model)
    return {f"{side}.{field}": fields[field] for side in _SIDES[name.rpartition(".")[2]] for field in sorted(fields)}


@cache
def _typed(model: type[Resource]) -> dict[str, str]:
    schema = model.model_json_schema(schema_generator=WireSchema)
    found = {name: _word(member) for name, member in schema["properties"].items()}
    code = {"accountCode": "string"} if "accountId" in found else {}
    return found | code | _ADDED.get(model, {}) | _BESIDE


def _word(schema: dict[str, Any]) -> str:
    """The type of a member; what refers to another model is one of its own members by name."""
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            return _word(option)
    found = "object" if "$ref" in schema else str(schema.get("type", "string"))
    return _WORDS.get(found, found)
