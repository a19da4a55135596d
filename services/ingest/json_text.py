"""JSON as text, where building or parsing records twice is too slow: members shared by many records are written once,
and repeated names in an object are found by counting.

It is ambiguous which value of a repeated name counts, so the record is refused. The decoder silently keeps the last
value. But every string takes two quotation marks, and the number of decoded strings (names and texts) is known. A text
with more marks has a string that was not decoded: of a repeated name or of an ignored attribute; or it has a mark
inside a string. A text with exactly as many has no other string. So whole batches are checked by counting one byte, and
only a record with too many marks is parsed again. The check is exact, however names are escaped, because a text cannot
have fewer marks than strings.
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
    """Members of an object, without its braces."""
    return quoted(texts)[1:-1]


def check_names(value: bytes) -> None:
    """Check a JSON text. Raises: Refused, if a name is repeated in any object of the text."""
    try:
        if value.count(MARK) != 2 * _strings(_document(value)):
            json.loads(value, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except (RecursionError, UnicodeDecodeError) as error:
        # The number is in an attribute that usage ignores: everything else has been decoded.
        raise Refused(Reason.NOT_JSON, f"must be JSON, in UTF-8 and not nested too deeply: {error}") from None


def _document(value: bytes) -> Any:
    """The whole document in the text; None if it has a number beyond all bounds."""
    try:
        return _decode(value)
    except msgspec.ValidationError:
        return None


def _strings(value: Any) -> int:
    """The number of names and texts in a document."""
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
