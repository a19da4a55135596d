"""Rules for what a client sends that do not hold for what the log has.

A fact stays what it was when it was decided, by the rules of that day; a rule that came later must not make it
unreadable. So such a rule holds where a client's body comes in, and there alone: `services.commands.bodies` parses
in the context FROM_CLIENT; the codec and the store's rows parse without. Every bound of a text, a list, a map or a
whole number is made of what stands here, unless the wire always had it.
"""

import re
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, ValidationInfo

#: The context of `model_validate` for a body that a client sent.
FROM_CLIENT = {"from": "client"}


def is_from_client(info: ValidationInfo) -> bool:
    """Whether a client's body is being parsed."""
    return info.context is FROM_CLIENT


#: Where a JSON Schema has the words of it that hold for a client's body alone; whoever makes a schema puts them in
#: place, or leaves them out.
TOLD_CLIENTS = "x-told-clients"
#: The most items there may be: `maxItems` of a list, `maxProperties` of a map.
MOST_ITEMS = "x-most-items"


@dataclass(frozen=True, slots=True)
class _After(AfterValidator):
    """A rule that a schema can tell."""

    told: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return _telling(handler(schema), self.told)


@dataclass(frozen=True, slots=True)
class _Before(BeforeValidator):
    """The same, asked before anything else is."""

    told: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return _telling(handler(schema), self.told)


def _telling(schema: dict[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    return {**schema, TOLD_CLIENTS: {**schema.get(TOLD_CLIENTS, {}), **told}} if told else schema


def rule(holds: Callable[[Any], bool], words: str, **told: Any) -> AfterValidator:
    """A rule that a client's value must keep; `words` go on after the field's name: "must ...", `told` is the same in
    words of JSON Schema."""

    def check(value: Any, info: ValidationInfo) -> Any:
        if is_from_client(info) and not holds(value):
            raise ValueError(words)
        return value

    return _After(check, told=told)


def characters(most: int) -> AfterValidator:
    """At most so many characters."""
    return rule(lambda value: len(value) <= most, f"must have at most {most} characters", maxLength=most)


def items(most: int) -> BeforeValidator:
    """A list or map of at most so many items, looked at before any of them is."""

    def check(value: Any, info: ValidationInfo) -> Any:
        if is_from_client(info) and isinstance(value, Sized) and len(value) > most:
            raise ValueError(f"must have at most {most} items")
        return value

    return _Before(check, told={MOST_ITEMS: most})


def between(low: int, high: int) -> AfterValidator:
    """From `low` to `high`, both included."""
    return rule(lambda value: low <= value <= high, f"must be between {low} and {high}", minimum=low, maximum=high)


def at_least(low: int) -> AfterValidator:
    """Not below `low`."""
    return rule(lambda value: value >= low, f"must be greater than or equal to {low}", minimum=low)


#: Characters of a text that nothing else bounds: a field's, a parameter's, a header's, an id's.
TEXT_MAX = 200
#: How a text with that character is refused: Postgres has no such text.
NO_NUL = "must not contain the character NUL"
#: Items of an ordinary list or map, and of a list that is a table: bands, fees, segments, rates.
MANY, TABLE = 100, 1000
#: Characters of a text of usage, so that any of them can be a segment's.
USAGE_TEXT_MAX = 256

Text = Annotated[str, characters(TEXT_MAX)]
UsageText = Annotated[str, characters(USAGE_TEXT_MAX)]
INT32_MAX = 2**31 - 1
Int32 = Annotated[int, between(-INT32_MAX - 1, INT32_MAX)]
Int64 = Annotated[int, between(-(2**63), 2**63 - 1)]

#: What nobody sees, so that two names could look the same and differ, or one could look like another: controls, ends
#: of lines and paragraphs, characters of no width, and those that turn the direction of writing.
UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
#: Of no width, too, but a part of how words are spelt (Persian, Hindi) and of emoji: names have them, codes do not.
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
