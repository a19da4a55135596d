"""Rules that apply to a client's input but not to the log.

A fact was decided by the rules of its day, and a rule that came later must not make it unreadable. So such a rule
applies only where a client's body comes in: `services.commands.bodies` parses in the context FROM_CLIENT; the codec and
the store's rows are parsed without it. Every bound of a text, a list, a map or a whole number is built from the
functions here, except the bounds that the wire has always had.
"""

import re
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, ValidationInfo

#: The context of `model_validate` for a client's body.
FROM_CLIENT = {"from": "client"}


def is_from_client(info: ValidationInfo) -> bool:
    """Whether the value being parsed comes from a client."""
    return info.context is FROM_CLIENT


#: The key of a JSON Schema under which its rules for client bodies stand; whoever makes a schema moves them to their
#: place or leaves them out.
TOLD_CLIENTS = "x-told-clients"
#: Keywords for the most items: `maxItems` of a list, `maxProperties` of a map.
MOST_ITEMS = "x-most-items"


@dataclass(frozen=True, slots=True)
class _After(AfterValidator):
    """A validator that runs after the type's own and is also described in the JSON Schema."""

    told: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return _telling(handler(schema), self.told)


@dataclass(frozen=True, slots=True)
class _Before(BeforeValidator):
    """Like `_After`, but it runs before any other validation."""

    told: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return _telling(handler(schema), self.told)


def _telling(schema: dict[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    return {**schema, TOLD_CLIENTS: {**schema.get(TOLD_CLIENTS, {}), **told}} if told else schema


def rule(holds: Callable[[Any], bool], words: str, **told: Any) -> AfterValidator:
    """A rule for a client's value. `words` follow the field's name in the message ("must ..."); `told` says the same in
    keywords of JSON Schema.
    """

    def check(value: Any, info: ValidationInfo) -> Any:
        if is_from_client(info) and not holds(value):
            raise ValueError(words)
        return value

    return _After(check, told=told)


def characters(most: int) -> AfterValidator:
    """A text of at most this many characters."""
    return rule(lambda value: len(value) <= most, f"must have at most {most} characters", maxLength=most)


def items(most: int) -> BeforeValidator:
    """A list or map of at most this many items; the count is checked before any item is parsed."""

    def check(value: Any, info: ValidationInfo) -> Any:
        if is_from_client(info) and isinstance(value, Sized) and len(value) > most:
            raise ValueError(f"must have at most {most} items")
        return value

    return _Before(check, told={MOST_ITEMS: most})


def between(low: int, high: int) -> AfterValidator:
    """A number from `low` to `high`, both included."""
    return rule(lambda value: low <= value <= high, f"must be between {low} and {high}", minimum=low, maximum=high)


def at_least(low: int) -> AfterValidator:
    """A number not below `low`."""
    return rule(lambda value: value >= low, f"must be greater than or equal to {low}", minimum=low)


#: Most characters of any other text: a field, a parameter, a header, an id.
TEXT_MAX = 200
#: The message for a text with a NUL, which Postgres cannot store.
NO_NUL = "must not contain the character NUL"
#: Most items of an ordinary list or map, and of a list that is a table: bands, fees, segments, rates.
MANY, TABLE = 100, 1000
#: Most characters of a text in usage, so that every such text can be a segment's value.
USAGE_TEXT_MAX = 256

Text = Annotated[str, characters(TEXT_MAX)]
UsageText = Annotated[str, characters(USAGE_TEXT_MAX)]
INT32_MAX = 2**31 - 1
Int32 = Annotated[int, between(-INT32_MAX - 1, INT32_MAX)]
Int64 = Annotated[int, between(-(2**63), 2**63 - 1)]

#: Invisible characters, which could make two different names look the same: controls, line and paragraph separators,
#: zero-width characters, and characters that change the direction of writing.
UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
#: Zero-width characters that spelling needs (Persian, Hindi, emoji): names may have them, codes may not.
JOINERS = frozenset("\u200c\u200d")

_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{2,9}")
CurrencyCode = Annotated[
    str,
    Field(min_length=1),
    rule(
        lambda value: _CURRENCY.fullmatch(value) is not None,
        "must be a code of 3 to 10 capital letters or digits that begins with a letter, such as USD",
        pattern=f"^{_CURRENCY.pattern}$",
    ),
]
