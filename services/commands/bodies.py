"""Parse a request's JSON document to a resource's body; errors name every wrong field and its rule."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from events.resources.base import Day, Model, Resource
from events.resources.bounds import FROM_CLIENT
from services.commands.kind import ANSWERED, Kind
from services.commands.refused import InvalidBody, InvalidField, shortened
from services.commands.table import KINDS
from services.words import rule_of

M = TypeVar("M", bound=BaseModel)

#: Errors of a whole model begin with their field: "endDate: must not be before startDate".
_NAMED = re.compile(r"^([A-Za-z]+): (.*)$", re.DOTALL)
#: Most problems in one message.
_PROBLEMS_MAX = 50
#: Suffixes that pydantic appends to the path of a value with several types; only custom fields have such values.
_CHOICES = {"str", "int", "float"}


def parse_body(kind: str, document: Any) -> Resource:
    """The validated body of a resource of this kind; a `version` in the document is left to `version_of`.

    Fields that only answers have (id, dtCreated, amountSpent, ...) may be sent back and are ignored. Raises:
    InvalidBody naming each wrong field and its rule.
    """
    row = KINDS[kind]
    return parse_model(row.model, document, unread_of(row))


def unread_of(kind: Kind) -> tuple[str, ...]:
    """Members of a kind's answers that a client may send back, and that are ignored."""
    return (*ANSWERED, *kind.derived)


def parse_model(model: type[M], document: Any, unread: Collection[str] = ()) -> M:
    """Parse any model of the wire. Raises: InvalidBody."""
    if not isinstance(document, dict):
        raise InvalidBody(problems="body: must be a JSON object")
    try:
        members = {name: value for name, value in document.items() if name != "version" and name not in unread}
        body = model.model_validate(members, context=FROM_CLIENT)
    except ValidationError as error:
        raise described(error) from None
    if converted := list(_converted(body, members, [])):
        raise _refused(converted)
    return body


def described(error: ValidationError) -> InvalidBody:
    """The problems, each field with its rule."""
    return _refused(describe(dict(item)) for item in error.errors())


def _refused(problems: Iterable[str]) -> InvalidBody:
    worded = list(dict.fromkeys(problems))
    more = f"; and {len(worded) - _PROBLEMS_MAX} more" if len(worded) > _PROBLEMS_MAX else ""
    return InvalidBody(problems="; ".join(worded[:_PROBLEMS_MAX]) + more)


def version_of(document: dict[str, Any]) -> int | None:
    """The version that the client saw last; an explicit null counts as absent. Raises: InvalidField."""
    version = document.get("version")
    if version is None:
        return None
    if isinstance(version, Decimal) and version == version.to_integral_value():  # 1.0, as for any whole number
        version = int(version)
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version < 2**63:
        raise InvalidField(field="version", rule="must be a whole number, not negative")
    return version


class _Effective(Model):
    """Fields that the PUT of a plan, plan template or plan group may have beside its body."""

    effective_date: Day | None = None


def effective_date_of(document: dict[str, Any]) -> tuple[dict[str, Any], date | None]:
    """The document without its `effectiveDate`, which only kinds of DATED have, and that date. Raises: InvalidBody."""
    if "effectiveDate" not in document:
        return document, None
    given = {"effectiveDate": document["effectiveDate"]}
    rest = {name: value for name, value in document.items() if name not in given}
    return rest, parse_model(_Effective, given).effective_date


def describe(item: dict[str, Any]) -> str:
    """One of pydantic's errors in the form `field: rule`."""
    location = list(item["loc"])
    if location[0:1] == ["customFields"] and location[-1] in _CHOICES and len(location) > 2:
        return f"{_path(location[:-1])}: must be text or a number"
    rule = rule_of(item)
    if item["type"] == "value_error" and (named := _NAMED.match(rule)):
        location.append(named[1])
        rule = named[2]
    return f"{_path(location)}: {rule}"


def _converted(value: Any, given: Any, path: list[int | str]) -> Iterator[str]:
    """Paths where the document has text or a boolean for a number, or another type for a boolean.

    The models accept numeric text, because events store numbers as text; on the wire a number must be a number.
    """
    match value, given:
        case BaseModel(), dict():
            for name, field in type(value).model_fields.items():
                alias = field.alias if field.alias is not None and field.alias in given else name
                if given.get(alias) is not None:
                    yield from _converted(getattr(value, name), given[alias], [*path, alias])
        case dict(), dict():
            for name, member in value.items():
                yield from _converted(member, given.get(name), [*path, name])
        case ((tuple() | list()), (tuple() | list())):
            for number, (member, given_member) in enumerate(zip(value, given, strict=False)):
                yield from _converted(member, given_member, [*path, number])
        case bool(), _ if not isinstance(given, bool):
            yield f"{_path(path)}: must be true or false"
        case ((int() | float() | Decimal()), (bool() | str())) if not isinstance(value, bool):
            yield f"{_path(path)}: must be a number"


def _path(location: list[int | str]) -> str:
    """The path `feeDates[0].amount` from its steps; `body` for the whole document. A client's own name may be long."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f"{'.' if text else ''}{shortened(step)}"
    return text or "body"
