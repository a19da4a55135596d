"""A request's JSON document to a resource's body: every problem named by field and rule."""

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from events.resources.base import Resource
from services.commitments.errors import InvalidBody, InvalidField
from services.commitments.table import ANSWERED, KINDS

M = TypeVar("M", bound=BaseModel)

#: Rules of a whole model name their field in front: "endDate: must be after startDate".
_NAMED = re.compile(r"^([A-Za-z]+): (.*)$", re.DOTALL)
_WORDS = {"missing": "is required", "extra_forbidden": "is not a field of this resource"}


def parse_body(kind: str, document: Any) -> Resource:
    """The validated body of a resource of this kind; a `version` in the document is left to `version_of`.

    What only answers have (id, dtCreated, amountSpent, ...) may be sent back and is not read.
    Raises: InvalidBody naming each wrong field and its rule.
    """
    row = KINDS[kind]
    unread = (*ANSWERED, *row.derived)
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if name not in unread}
    return parse_model(row.model, document)


def parse_model(model: type[M], document: Any) -> M:
    """The same for any model of the wire. Raises: InvalidBody."""
    if not isinstance(document, dict):
        raise InvalidBody(problems="body: must be a JSON object")
    try:
        return model.model_validate({name: value for name, value in document.items() if name != "version"})
    except ValidationError as error:
        raise InvalidBody(problems="; ".join(describe(dict(item)) for item in error.errors())) from None


def version_of(document: dict[str, Any]) -> int | None:
    """The version that the client saw last; an explicit null counts as absent. Raises: InvalidField."""
    version = document.get("version")
    if version is None:
        return None
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version < 2**63:
        raise InvalidField(field="version", rule="must be a whole number, not negative")
    return version


def describe(item: dict[str, Any]) -> str:
    """One of pydantic's errors as `field: rule`."""
    location = list(item["loc"])
    rule = _WORDS.get(item["type"], str(item["msg"]))
    rule = rule.removeprefix("Value error, ")
    if item["type"] == "value_error" and (named := _NAMED.match(rule)):
        location.append(named[1])
        rule = named[2]
    rule = rule.replace("Input should be", "must be").replace("String should have", "must have")
    return f"{_path(location)}: {rule}"


def _path(location: list[int | str]) -> str:
    """`feeDates[0].amount` of its steps; `body` for the whole document."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "body"
