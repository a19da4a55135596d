"""JSON as text, where records are too many to be built or read twice: members that many of them share are written once,
and names that stand twice in one object are found by counting.

Which of the two values of such a name would count? The record is refused. The decoder keeps the last value and says
nothing. But every string of a text takes two quotation marks, and what was decoded has a known number of strings: its
names and its texts. A text with more marks than these explain holds a string that was not decoded: one of a name that
stands twice, or of an attribute that nobody looks at, or a mark inside a string. With exactly as many it holds nothing
else. So whole batches are checked by counting one byte, and only a record that has too many is parsed again. This is
exact, however names are escaped: fewer marks than strings cannot be.
"""

import json
from typing import Any

import msgspec

from services.refusals.refusal import Reason, Refused

MARK = b'"'
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def quoted(value: object) -> str:
    """A text, or a map of texts, as JSON."""
    return _encode(value).decode()


def members(texts: dict[str, str]) -> str:
    """Members of an object, as they stand between its braces."""
    return quoted(texts)[1:-1]


def check_names(value: bytes) -> None:
    """Raises: Refused, if a name stands twice in any object of the text, which is JSON."""
    try:
        if value.count(MARK) != 2 * _strings(_document(value)):
            json.loads(value, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except (RecursionError, UnicodeDecodeError) as error:
        # In an attribute that nobody looks at: everything else has been decoded.
        raise Refused(Reason.NOT_JSON, f"must be JSON, in UTF-8 and not nested too deeply: {error}") from None


def _document(value: bytes) -> Any:
    """Everything that the text says, None if it has a number that is out of all bounds."""
    try:
        return _decode(value)
    except msgspec.ValidationError:
        return None


def _strings(value: Any) -> int:
    """Names and texts in a document."""
    kind = type(value)
    if kind is dict:
        return len(value) + sum(map(_strings, value.values()))
    if kind is list:
        return sum(map(_strings, value))
    return 1 if kind is str else 0


def _once(members: list[tuple[str, Any]]) -> None:
    names = set[str]()
    for name, _ in members:
        if name in names:
            raise Refused(Reason.REPEATED_NAME, f"{name[:80]!r} must be given once")
        names.add(name)
