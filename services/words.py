"""Texts fit for people: pydantic's errors in plain words, and those of strangers without what could do more on a
terminal than be read.
"""

import re
from collections.abc import Mapping
from typing import Any

_RULES = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this resource",
    **dict.fromkeys(("tuple_type", "list_type"), "must be a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "must be an object"),
    **dict.fromkeys(("string_type", "string_unicode"), "must be text"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), "must be a number"),
}
_SIZES = {"too_short": ("min_length", "at least"), "too_long": ("max_length", "at most")}


def rule_of(item: Mapping[str, Any]) -> str:
    """The rule that one of a ValidationError's `errors()` says was broken, to go on after the field's name."""
    if item["type"] in _SIZES:
        limit, words = _SIZES[item["type"]]
        count = item["ctx"][limit]
        return f"must have {words} {count} item{'' if count == 1 else 's'}"
    rule = _RULES.get(item["type"], str(item["msg"])).removeprefix("Value error, ")
    return rule.replace("Input should be", "must be").replace("String should have", "must have")


#: What moves a terminal's cursor, colours it, or turns the order of what follows.
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Somebody else's text on one line, its control characters escaped: printed, it can do nothing but be read."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def printable_json(document: str) -> str:
    """JSON on one line with the same characters escaped in its texts, which say what they said."""
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", document)
