"""Texts of strangers, made fit to be printed on a terminal."""

import re

#: What moves a terminal's cursor, colours it, or turns the order of what follows.
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Somebody else's text on one line, its control characters escaped: printed, it can do nothing but be read."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def printable_json(document: str) -> str:
    """JSON on one line with the same characters escaped in its texts, which say what they said."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", document)
